"""The routes and the OpenAPI document as the code has them, made once: that takes a second."""

from __future__ import annotations

from typing import Any

from staycalm.app.openapi import StayCalmApi
from staycalm.app.reference.files import api

API: StayCalmApi = api()
DOCUMENT: dict[str, Any] = API.openapi()
