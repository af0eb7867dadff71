"""Behaviours of extraction campaigns, one module each, registered by name."""

from types import MappingProxyType

from stillwatch.detection.behaviours import (
    account_succession,
    capability_focus,
    disposable_identity,
    divided_work_list,
    even_volumes,
    full_rate_at_once,
    heavy_account,
    older_model,
    plan_misfit,
    reasoning_elicitation,
    release_pivot,
    replayed_block,
    round_the_clock,
    rubric_grading,
    safety_rewrites,
    shared_address,
    shared_contact,
    shared_payment,
    shared_template,
    signup_burst,
    spread_addresses,
    synchronised_activity,
    technique_search,
    thinking_language,
    traffic_spike,
)
from stillwatch.detection.behaviours.base import CONTENT, INFRASTRUCTURE, TIMING, Behaviour, Observation

__all__ = ["CONTENT", "INFRASTRUCTURE", "REGISTRY", "TIMING", "Behaviour", "Observation"]

REGISTRY: MappingProxyType[str, Behaviour] = MappingProxyType(
    {
        module.BEHAVIOUR.name: module.BEHAVIOUR
        for module in (
            shared_template,
            reasoning_elicitation,
            rubric_grading,
            thinking_language,
            replayed_block,
            safety_rewrites,
            technique_search,
            capability_focus,
            divided_work_list,
            even_volumes,
            synchronised_activity,
            round_the_clock,
            full_rate_at_once,
            heavy_account,
            traffic_spike,
            plan_misfit,
            release_pivot,
            account_succession,
            older_model,
            shared_payment,
            shared_contact,
            shared_address,
            signup_burst,
            disposable_identity,
            spread_addresses,
        )
    }
)
