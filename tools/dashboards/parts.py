"""Building blocks of the dashboards: the data source, the variables, and panels with units."""

from collections.abc import Mapping, Sequence
from string import ascii_uppercase

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders.bargauge import Panel as BarGauge
from grafana_foundation_sdk.builders.dashboard import Dashboard, QueryVariable
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueColorMode,
    BigValueGraphMode,
    GraphDrawStyle,
    GraphGradientMode,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

Queries = Mapping[str, str]
"""Legend -> expression. A legend may name labels, as in `{{camera}}`."""

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
GREEN, YELLOW, RED = "green", "yellow", "red"
TAGS = ["vigil"]
STAGES = (
    "received: from the camera; skipped: not decoded because the scene is still; gated: not analysed because nothing "
    "moved; analysed: passed to the model; dropped: the model was busy; damaged: skipped because packets were lost."
)
WIDTH = 24


def new_dashboard(uid: str, title: str, description: str) -> Dashboard:
    """Return an empty dashboard with a data source variable and links to the other dashboards."""
    return (
        Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(TAGS)
        .time("now-6h", "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .editable()
        .link(
            dashboard.DashboardLink("Vigil")
            .type(DashboardLinkType.DASHBOARDS)
            .tags(TAGS)
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )


def label_variable(name: str, label: str, query: str, *, several: bool = True) -> QueryVariable:
    """Return a variable with the values of a label. With `several` any number can be chosen; the default is all."""
    made = (
        QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.NUMERICAL_ASC)
    )
    return made.multi(True).include_all(True).all_value(".*") if several else made


def vigil_url() -> dashboard.TextBoxVariable:
    """Return the variable that holds the URL of the Vigil dashboard; the chart fills it in."""
    return dashboard.TextBoxVariable("vigil_url").label("Vigil's URL").default_value("")


def quantile(share: float, histogram: str, selector: str, by: str = "le") -> str:
    """Return the expression for a quantile of a histogram over the rate interval."""
    return f"histogram_quantile({share}, sum by ({by}) (rate({histogram}_bucket{{{selector}}}[$__rate_interval])))"


def recent(counter: str, selector: str, by: str) -> str:
    """Return the expression for the increase of a counter per graph interval, by label."""
    return f"sum by ({by}) (increase({counter}{{{selector}}}[$__rate_interval]))"


def lines(
    title: str,
    unit: str,
    queries: Queries,
    *,
    description: str = "",
    stacked: bool = False,
    limits: Sequence[tuple[float, str]] = (),
    span: int = 12,
    bars: bool = False,
) -> timeseries.Panel:
    """Return a time series panel. `unit`: Grafana's name, such as `s` or `reqps`; `limits`: value -> colour."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .min(0)
        .span(span)
        .height(8)
        .fill_opacity(15 if not stacked else 40)
        .gradient_mode(GraphGradientMode.OPACITY)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    if bars:
        panel = panel.draw_style(GraphDrawStyle.BARS)
    if limits:
        panel = panel.thresholds(_thresholds(limits)).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
        )
    for letter, (legend, expression) in zip(ascii_uppercase, queries.items(), strict=False):
        panel = panel.with_target(_target(legend, expression).ref_id(letter))
    return panel


def growth(title: str, counter: str, selector: str, by: str) -> timeseries.Panel:
    """Return a panel with the increase of a counter as stacked bars, by label."""
    legend = " ".join(f"{{{{{label}}}}}" for label in by.split(", "))
    return lines(title, "none", {legend: recent(counter, selector, by)}, bars=True, stacked=True)


def durations(
    title: str, histogram: str, selector: str, *, limits: Sequence[tuple[float, str]] = ()
) -> timeseries.Panel:
    """Return a panel with the median and the 95th percentile of a histogram of seconds."""
    shares = {"median": quantile(0.5, histogram, selector), "95 %": quantile(0.95, histogram, selector)}
    return lines(title, "s", shares, limits=limits)


def number(
    title: str,
    unit: str,
    expression: str,
    *,
    description: str = "",
    limits: Sequence[tuple[float, str]] = (),
    span: int = 4,
) -> stat.Panel:
    """Return a panel with one current value, coloured by its limits."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .span(span)
        .height(4)
        .graph_mode(BigValueGraphMode.AREA)
        .color_mode(BigValueColorMode.VALUE if limits else BigValueColorMode.NONE)
        .thresholds(_thresholds(limits))
        .with_target(_target("", expression))
    )


def ranking(
    title: str, unit: str, legend: str, expression: str, *, description: str = "", span: int = 12
) -> BarGauge:
    """Return a panel with the largest current values as bars."""
    return (
        BarGauge()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .min(0)
        .span(span)
        .height(8)
        .orientation(VizOrientation.HORIZONTAL)
        .display_mode(BarGaugeDisplayMode.GRADIENT)
        .with_target(_target(legend, expression).instant())
    )


def rows(
    title: str, columns: Mapping[str, tuple[str, str, str]], key: str, *, description: str = "", link: str = ""
) -> table.Panel:
    """Return a table with one row per value of the label `key`. `columns`: name -> (letter, unit, expression)."""
    panel = table.Panel().title(title).description(description).datasource(SOURCE).span(WIDTH).height(10)
    renamed: dict[str, str] = {key: key.capitalize()}
    for name, (letter, unit, expression) in columns.items():
        panel = panel.with_target(
            _target("", expression).ref_id(letter).instant().format(PromQueryFormat.TABLE)
        ).override_by_name(name, [DynamicConfigValue(id_val="unit", value=unit)])
        renamed[f"Value #{letter}"] = name
    if link:
        panel = panel.override_by_name(
            key.capitalize(),
            [DynamicConfigValue(id_val="links", value=[{"title": "Open", "url": link}])],
        )
    return panel.transformations(
        [
            DataTransformerConfig(id_val="merge", options={}),
            DataTransformerConfig(
                id_val="organize", options={"excludeByName": {"Time": True}, "renameByName": renamed}
            ),
        ]
    )


def _target(legend: str, expression: str) -> prometheus.Dataquery:
    query = prometheus.Dataquery().ref_id("A").datasource(SOURCE).expr(" ".join(expression.split()))
    return query.legend_format(legend) if legend else query


def _thresholds(limits: Sequence[tuple[float, str]]) -> dashboard.ThresholdsConfig:
    steps = [Threshold(value=None, color=GREEN), *(Threshold(value=value, color=colour) for value, colour in limits)]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
