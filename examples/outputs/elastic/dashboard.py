#!/usr/bin/env python3
"""Makes dashboard.ndjson, which Kibana 8.8 or later imports (Stack Management, Saved Objects), from the panels below.

    python3 examples/outputs/elastic/dashboard.py > examples/outputs/elastic/dashboard.ndjson

Percentiles are taken from `squall.latency`, so they are those of all response times in an interval. Ids are fixed: a later import
replaces an earlier one.
"""
import json

WINDOW, ENV = "squall-window", "squall-env"
VIEWS = {WINDOW: ("metrics-squall.window-*", "squall: seconds of series"), ENV: ("metrics-squall.env-*", "squall: users, probes, metrics")}
NANOSECONDS = {"id": "duration", "params": {"inputFormat": "nanoseconds", "outputFormat": "humanizePrecise", "outputPrecision": 1}}
TIMES = ("squall.latency", "squall.p50", "squall.p95", "squall.p99", "squall.max")
CLASSES = ("timeout", "status", "check", "connect", "closed", "receive", "tls", "protocol")

# Title, data view, kind of series, what is drawn [(label, operation, field, a second?)], split by, which documents.
PANELS = [
    ("Operations a second", WINDOW, "line", [("operations", "sum", "squall.count", True)], "squall.name", ""),
    ("Failed operations a second", WINDOW, "bar_stacked", [("failed", "sum", "squall.failed", True)], "squall.name", ""),
    ("Response times", WINDOW, "line", [(f"p{n}", f"p{n}", "squall.latency", False) for n in (50, 95, 99)], None, 'squall.phase: "main"'),
    ("p95 by name", WINDOW, "line", [("p95", "p95", "squall.latency", False)], "squall.name", 'squall.phase: "main"'),
    ("Users", ENV, "area_stacked", [("users", "max", "squall.value", False)], "squall.population", 'squall.kind: "users"'),
    ("Operations under way", ENV, "line", [("in flight", "max", "squall.value", False)], None, 'squall.gauge: "in_flight"'),
    ("Errors by class", WINDOW, "bar_stacked", [(name, "sum", f"squall.errors.{name}", False) for name in CLASSES], None, ""),
    ("Bytes a second", WINDOW, "line", [("sent", "sum", "squall.bytes_out", True), ("received", "sum", "squall.bytes_in", True)], None, ""),
    ("Probes and metrics", ENV, "line", [("value", "average", "squall.value", False)], "squall.gauge", "squall.kind: (probe or metric or counter)"),
]


def text(value):
    """Saved objects keep much of themselves as JSON inside JSON."""
    return json.dumps(value, separators=(",", ":"))


def column(label, operation, field, is_rate):
    made = {"label": label, "customLabel": True, "dataType": "number", "operationType": operation, "sourceField": field, "isBucketed": False,
            "scale": "ratio", "params": {"emptyAsNull": True}}
    if operation.startswith("p") and operation[1:].isdigit():
        made |= {"operationType": "percentile", "params": {"percentile": int(operation[1:])}}
    if is_rate:
        made["timeScale"] = "s"
    return made


def panel(number, title, view, kind, drawn, split, query):
    layer, name = f"layer{number}", f"panel{number}"
    columns = {f"y{i}": column(*what) for i, what in enumerate(drawn)}
    accessors = list(columns)
    order = ["time", *accessors]
    columns["time"] = {"label": "@timestamp", "dataType": "date", "operationType": "date_histogram", "sourceField": "@timestamp", "isBucketed": True,
                       "scale": "interval", "params": {"interval": "auto", "includeEmptyRows": False, "dropPartials": False}}
    drawing = {"layerId": layer, "layerType": "data", "seriesType": kind, "accessors": accessors, "xAccessor": "time", "position": "top",
               "showGridlines": False}
    if split:
        columns["split"] = {"label": split, "dataType": "string", "operationType": "terms", "sourceField": split, "isBucketed": True, "scale": "ordinal",
                            "params": {"size": 10, "orderBy": {"type": "column", "columnId": "y0"}, "orderDirection": "desc", "otherBucket": True,
                                       "missingBucket": False, "parentFormat": {"id": "terms"}}}
        order.insert(0, "split")
        drawing["splitAccessor"] = "split"
    state = {"visualization": {"preferredSeriesType": kind, "legend": {"isVisible": True, "position": "right"}, "valueLabels": "hide", "layers": [drawing]},
             "query": {"query": query, "language": "kuery"}, "filters": [],
             "datasourceStates": {"formBased": {"layers": {layer: {"columns": columns, "columnOrder": order, "incompleteColumns": {}, "sampling": 1}}}},
             "internalReferences": [], "adHocDataViews": {}}
    reference = {"type": "index-pattern", "id": view, "name": f"indexpattern-datasource-layer-{layer}"}
    lens = {"title": title, "visualizationType": "lnsXY", "type": "lens", "references": [reference], "state": state}
    grid = {"x": number % 2 * 24, "y": number // 2 * 12, "w": 24, "h": 12, "i": name}
    shown = {"type": "lens", "title": title, "panelIndex": name, "gridData": grid, "embeddableConfig": {"attributes": lens, "enhancements": {}}}
    return shown, reference | {"name": f"{name}:{reference['name']}"}


def objects():
    for view, (pattern, name) in VIEWS.items():
        formats = {field: NANOSECONDS for field in TIMES} if view == WINDOW else {}
        yield {"id": view, "type": "index-pattern", "references": [], "coreMigrationVersion": "8.8.0", "typeMigrationVersion": "8.0.0",
               "attributes": {"title": pattern, "name": name, "timeFieldName": "@timestamp", "fields": "[]", "fieldFormatMap": text(formats)}}
    made = [panel(number, *what) for number, what in enumerate(PANELS)]
    yield {"id": "squall-run", "type": "dashboard", "references": [reference for _, reference in made],
           "coreMigrationVersion": "8.8.0", "typeMigrationVersion": "8.7.0",
           "attributes": {"title": "squall: a run", "description": "One run: filter by labels.run_id. Made by dashboard.py.", "version": 1,
                          "timeRestore": False, "panelsJSON": text([shown for shown, _ in made]),
                          "optionsJSON": text({"useMargins": True, "syncColors": True, "syncCursor": True, "syncTooltips": False, "hidePanelTitles": False}),
                          "kibanaSavedObjectMeta": {"searchSourceJSON": text({"query": {"query": "", "language": "kuery"}, "filter": []})}}}


def main():
    made = list(objects())
    for one in made:
        print(text(one))
    print(text({"excludedObjects": [], "excludedObjectsCount": 0, "exportedCount": len(made), "missingRefCount": 0, "missingReferences": []}))


if __name__ == "__main__":
    main()
