"""What people do on the page of an incident in a real browser: take it, steer it, write down what they see."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from staycalm.core.actor import Actor
from staycalm.domains.deployments.public import find_deployment
from staycalm.domains.incidents import queries
from staycalm.domains.incidents import service as incidents
from staycalm.domains.incidents.causes.service import declare
from tests.browser import one_server
from tests.browser.conftest import next_page, open_live, wait_until_live
from tests.browser.server import Server
from tests.browser.story import HOSTILE

page, server, signed_in = one_server.page, one_server.server, one_server.signed_in
pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
BOB = Actor("person", "bob", "Bob")
RTL = "\u202eفشل الخادم 🔥🧯"


def declared(server: Server, title: str = "Checkout is slow") -> str:
    return str(server.write(declare, BOB, title=title, priority="P2").incident.id)


def state(server: Server, id: str) -> str:
    return str(server.read(queries.get_incident, id).state)


def test_an_incident_is_taken_mitigated_and_resolved_with_the_keyboard_alone(page: Page, server: Server) -> None:
    id = declared(server)
    open_live(page, f"{server.url}/incidents/{id}")
    with next_page(page):
        page.keyboard.press("a")
    expect(page.get_by_text("root has it and investigates.")).to_be_visible()
    for key, words, after in (("m", "Traffic moved", "mitigated"), ("r", "Cache is warm", "resolved")):
        wait_until_live(page)
        page.keyboard.press(key)
        expect(page.locator("details[open] [name=text]")).to_be_focused()
        page.keyboard.type(words)
        with next_page(page):
            page.keyboard.press("Enter")
        expect(page.locator("ol.timeline").get_by_text(words)).to_be_visible()
        assert state(server, id) == after
    wait_until_live(page)
    page.keyboard.press("c")
    expect(page.locator("details[open]").get_by_role("button", name="Close")).to_be_focused()
    with next_page(page):
        page.keyboard.press("Enter")
    expect(page.locator(".incident[data-state=closed]")).to_be_visible()
    assert state(server, id) == "closed"


def test_a_note_needs_two_keys_and_the_page_stays(page: Page, server: Server) -> None:
    id = declared(server)
    open_live(page, f"{server.url}/incidents/{id}")
    page.keyboard.press("n")
    expect(page.get_by_placeholder("What do you see?")).to_be_focused()
    page.keyboard.type("first line")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("second line")
    page.keyboard.press("Enter")
    expect(page.locator("ol.timeline li.note")).to_contain_text("first line\nsecond line")
    area = page.get_by_placeholder("What do you see?")
    expect(area).to_have_value("")
    expect(area).to_be_focused()
    (note,) = server.read(queries.notes_of, id)
    assert note.text.replace("\r\n", "\n") == "first line\nsecond line"


def test_a_note_that_cannot_be_added_is_kept(page: Page, server: Server) -> None:
    id = declared(server)
    page.goto(f"{server.url}/incidents/{id}")
    page.route("**/notes", lambda route: route.abort())
    page.keyboard.press("n")
    expect(page.get_by_placeholder("What do you see?")).to_be_focused()
    page.keyboard.type("precious words")
    page.keyboard.press("Enter")
    expect(page.get_by_text("It is still here; try again.")).to_be_visible()
    expect(page.get_by_placeholder("What do you see?")).to_have_value("precious words")


def test_the_timeline_narrows_by_kind_and_the_address_tells(page: Page, server: Server) -> None:
    open_live(page, f"{server.url}/incidents/INC-1")
    shown = page.locator("ol.timeline li:not(.day):visible")
    everything = shown.count()
    page.locator("[data-kind=paging]").click()
    expect(page.locator("ol.timeline li.delivery").first).not_to_be_visible()
    expect(page.locator("ol.timeline li.paging").first).to_be_visible()
    assert 0 < shown.count() < everything
    expect(page).to_have_url(re.compile("[?]show=paging$"))
    page.reload()
    expect(page.locator("ol.timeline li.delivery").first).not_to_be_visible()


@pytest.mark.parametrize("page", [False], indirect=True, ids=["no script"])
def test_everything_works_without_script(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/incidents")
    page.locator("summary", has_text="Declare an incident").click()
    form = page.locator("form[action='/incidents'][method=post]")
    form.locator("[name=title]").fill(RTL)
    form.locator("[name=priority]").select_option("P3")
    form.get_by_role("button", name="Declare").click()
    page.wait_for_url("**/incidents/INC-*")
    with next_page(page):
        page.get_by_role("button", name="Acknowledge").click()
    page.get_by_placeholder("What do you see?").fill("seen without script")
    with next_page(page):
        page.get_by_role("button", name="Add the note").click()
    expect(page.locator("ol.timeline").get_by_text("seen without script")).to_be_visible()
    page.locator("#steer > summary").click()
    page.get_by_label("Incident Commander").first.select_option("carol")
    with next_page(page):
        page.locator("form.one-line").first.get_by_role("button", name="Assign").click()
    expect(page.locator("dl.facts dd", has_text="carol")).to_be_visible()
    page.locator("#steer > summary").click()
    page.get_by_label("Why it changes").fill("it spreads")
    page.locator("#steer [name=priority]").select_option("P2")
    with next_page(page):
        page.get_by_role("button", name="Change the priority").click()
    expect(page.locator("ol.timeline").get_by_text("Priority changed from P3 to P2: it spreads")).to_be_visible()
    page.goto(f"{page.url.split('#')[0]}?show=note")
    expect(page.locator("ol.timeline").get_by_text("seen without script")).to_be_visible()
    expect(page.locator("ol.timeline").get_by_text("Priority changed")).not_to_be_visible()


def test_the_page_tells_what_changed_before_and_who_answered(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/incidents/INC-1")
    expect(page.locator("ol.changes li").first).to_contain_text("Candidate of DEP-5 at 10 % of traffic")
    answered = page.locator("ol.pages li", has_text="bob")
    expect(answered).to_contain_text("acknowledged")
    expect(answered).to_contain_text("delivered")
    expect(page.get_by_role("link", name="Post-mortem, preview")).to_be_visible()


def beside(server: Server, service: str) -> str:
    """An incident of the service in another environment than that in which something is being rolled out."""
    named = {"title": "Answers are odd", "priority": "P3", "service": service, "environment": "staging"}
    return str(server.write(declare, BOB, **named).incident.id)


def test_a_change_is_rolled_back_from_the_incident_with_two_keys(page: Page, server: Server) -> None:
    id = beside(server, "shop")
    open_live(page, f"{server.url}/incidents/{id}")
    expect(page.locator("ol.changes li", has_text="DEP-6").get_by_text("goes back to")).to_be_hidden()
    page.keyboard.press("b")
    expect(page.locator("#roll-back-DEP-6")).to_contain_text("All traffic of shop @ production goes back to REL-3")
    page.keyboard.press("Enter")
    page.wait_for_url("**/deployments/DEP-6")
    d = server.read(find_deployment, "DEP-6")
    assert (d.state, d.end_reason) == ("rolling-back", f"{id}: Answers are odd")
    page.goto(f"{server.url}/incidents/{id}")
    expect(page.locator("ol.changes li", has_text="DEP-6")).to_be_visible()
    expect(page.locator("#roll-back-DEP-6")).to_have_count(0)


def test_what_is_asked_stays_asked_when_the_page_is_drawn_anew(page: Page, server: Server) -> None:
    id = beside(server, "payments")
    open_live(page, f"{server.url}/incidents/{id}")
    page.locator("#ask-DEP-7").focus()
    page.keyboard.press("Enter")
    server.write(incidents.add_note, BOB, id, "See DEP-7, DEP-6 and INC-1")
    expect(page.locator("ol.timeline")).to_contain_text("See DEP-7")
    expect(page.locator("#do-DEP-7")).to_be_visible()
    expect(page.locator("#ask-DEP-7")).to_be_focused()


@pytest.mark.parametrize("page", [False], indirect=True, ids=["no script"])
def test_a_change_is_rolled_back_without_script(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/incidents/{beside(server, 'payments')}")
    page.locator("#ask-DEP-7").click()
    page.locator("#do-DEP-7").click()
    page.wait_for_url("**/deployments/DEP-7")
    assert server.read(find_deployment, "DEP-7").state == "rolling-back"


def test_who_has_an_incident_and_that_it_came_back_are_told_wherever_it_stands(page: Page, server: Server) -> None:
    id = declared(server, "Mails are late")
    server.write(incidents.resolve, BOB, id, post_mortem_within_s=60.0)
    server.write(incidents.reopen, BOB, id, reason="The queue grows again")
    server.write(incidents.change_priority, BOB, id, "P0")
    server.write(incidents.acknowledge, BOB, id)
    server.write(incidents.assign_role, BOB, id, role="commander", person="carol")
    for at in ("/", "/?wall", "/incidents", f"/incidents/{id}"):
        page.goto(server.url + at)
        told = page.locator("article, .incident", has_text="The queue grows again")
        expect(told.first).to_contain_text("carol has it")
        expect(told.first).to_contain_text("came back")
    expect(page.get_by_text("The title tells what it was opened for")).to_be_visible()


def test_every_id_in_a_note_leads_to_what_it_names(page: Page, server: Server) -> None:
    id = declared(server)
    server.write(incidents.add_note, BOB, id, "REL-4 came with DEP-5; SIL-1 hides it")
    for name, told in (("REL-4", "Where it was put"), ("DEP-5", "What happened"), ("SIL-1", "What it mutes now")):
        open_live(page, f"{server.url}/incidents/{id}")
        with next_page(page):
            page.locator("li.note").get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", name=name)).to_be_visible()
        expect(page.get_by_role("heading", name=told)).to_be_visible()
    expect(page.locator(".kinds")).to_contain_text("p95 of shop in staging is 2.4 s")
    page.goto(f"{server.url}/releases/REL-4")
    expect(page.locator("#deployments tbody tr")).to_contain_text("DEP-5")
    expect(page.get_by_text("It has not served all traffic anywhere.")).to_be_visible()


def test_the_list_filters_in_the_address(page: Page, server: Server) -> None:
    declared(server, "A title like no other")
    page.goto(f"{server.url}/incidents")
    page.get_by_label("In the title").fill("like NO other")
    with next_page(page):
        page.get_by_role("button", name="Filter").click()
    expect(page.locator("main tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile("q=like[+]NO[+]other"))


def test_hostile_words_stay_words_on_every_page_of_incidents(page: Page, server: Server) -> None:
    id = declared(server, RTL + HOSTILE)
    server.write(incidents.add_note, BOB, id, HOSTILE + RTL)
    server.write(incidents.change_priority, BOB, id, "P3", reason=HOSTILE)
    server.write(incidents.resolve, BOB, id, summary=HOSTILE + RTL, post_mortem_within_s=60.0)
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.set_viewport_size({"width": 360, "height": 800})
    for path in (
        "/incidents",
        f"/incidents/{id}",
        "/incidents?q=<script>alert(1)</script>",
        f"/incidents?q={RTL}",
    ):
        answer = page.goto(server.url + path)
        assert answer is not None and answer.status == 200, path
        assert page.title() != "owned"
        assert page.locator("main script, main img[src=x]").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
    assert problems == []
