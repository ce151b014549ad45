"""What a running process tells as metrics, compared with the document."""

from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from libs.runtime.metrics_document import described

# What a process must have counted after such a run, among others.
COUNTED: Final = {
    "ingress": {
        "caudal_ingress_accept_level",
        "caudal_ingress_answers_total",
        "caudal_ingress_rejections_total",
        "caudal_ingress_accept_seconds",
        "caudal_ingress_message_deliveries",
        "caudal_publish_confirm_seconds",
        "caudal_source_auth_failures_total",
        "caudal_spool_limit_bytes",
    },
    "normalizer": {
        "caudal_items_total",
        "caudal_consumer_batch_seconds",
        "caudal_consumer_batch_items",
        "caudal_consumer_lag_seconds",
        "caudal_published_total",
        "caudal_queue_consumers",
    },
    "reconciler": {
        "caudal_items_total",
        "caudal_consumer_batch_seconds",
        "caudal_consumer_lag_seconds",
        "caudal_fold_verdicts_total",
        "caudal_parked_readings_total",
        "caudal_queue_consumers",
    },
}


def check(text: str, role: str) -> None:
    """See that all names are told and no other, and no value of a label that is not listed."""
    told = {tuple(line.split()[2:4]) for line in text.splitlines() if line.startswith("# TYPE ")}
    assert told == {(each.name, each.kind) for each in described()}
    listed = {each.name: dict(each.labels) for each in described()}
    counted = set()
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        for sample in family.samples:
            labels = {label: sample.labels[label] for label in sample.labels if label != "le"}
            assert set(labels) == set(listed[name]), sample
            for label, value in labels.items():
                values = listed[name][label]
                assert isinstance(values, str) or value in values, sample
            if sample.value:
                counted.add(name)
    assert counted >= COUNTED[role], COUNTED[role] - counted
