"""Is the candidate worse than stable? One anytime-valid test for every metric, looked at at every poll.

    state = new_analysis()
    state = observe(state, Poll(...), limits)     # every poll, also before the first shift (weight 0)
    judgement = judge(state, limits)              # ROLLBACK, HOLD, PROCEED or INSUFFICIENT, with reasons
    row.body = dump(state); state = load(row.body)  # JSON values; the evidence continues after a restart

Pure: no clock, no I/O. The method and its measured figures are told in docs/why/analysis.md.
"""

from staycalm.domains.deployments.analysis.figures import Judgement, MetricFigures, Poll
from staycalm.domains.deployments.analysis.judging import judge
from staycalm.domains.deployments.analysis.limits import DEFAULT_LIMITS, CountLimit, Limits, Unit, Verdict
from staycalm.domains.deployments.analysis.observing import observe
from staycalm.domains.deployments.analysis.planning import Forecast, StepForecast, forecast, requests_needed
from staycalm.domains.deployments.analysis.state import AnalysisState, dump, load, new_analysis

__all__ = [
    "DEFAULT_LIMITS",
    "AnalysisState",
    "CountLimit",
    "Forecast",
    "Judgement",
    "Limits",
    "MetricFigures",
    "Poll",
    "StepForecast",
    "Unit",
    "Verdict",
    "dump",
    "forecast",
    "judge",
    "load",
    "new_analysis",
    "observe",
    "requests_needed",
]
