// The rows of the list of recordings: recorded periods, gaps and alerts, the newest first.
function durationText(milliseconds) {
  const seconds = milliseconds / 1000;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function element(name, properties) { return Object.assign(document.createElement(name), properties); }

function moment(at) {
  const made = element("time", { dateTime: new Date(at).toISOString() });
  made.dataset.style = "absolute";
  return made;
}

// `label`: what a phone shows before the content, as the heads of the columns are hidden there.
function cell(label, ...content) {
  const made = document.createElement("td");
  if (label && content.length) made.dataset.label = label;
  made.append(...content);
  return made;
}

// `labels`: the heads of the columns. `actions`: alertText(alert), alertUrl(alert), and play(ms), which a button calls.
export function listRows(days, texts, labels, { alertText, alertUrl, play }) {
  const button = (at) => {
    const made = element("button", { type: "button", className: "button button-small", textContent: texts.textPlay });
    made.addEventListener("click", () => play(at));
    return made;
  };
  const gapText = (gap) => `${gap.message}${gap.is_open ? ` (${texts.textOpen})` : ""}`;
  const rowsOf = (day) => {
    const prefix = days.length > 1 ? `${day.name}: ` : "";
    return [
      ...day.recorded.map(({ start, end }) => ({ start, end, content: () => [prefix, button(start)] })),
      ...day.gaps.map((gap) => ({ ...gap, content: () => [element("span", { className: "faint", textContent: `${prefix}${gapText(gap)}` })] })),
      ...day.alerts.map((alert) => ({
        start: alert.at,
        end: null,
        content: () => [element("a", { href: alertUrl(alert), textContent: `${prefix}${alertText(alert)}` }), " ", button(alert.at)],
      })),
    ];
  };
  return days.flatMap(rowsOf).sort((one, other) => other.start - one.start).map(({ start, end, content }) => {
    const row = document.createElement("tr");
    const ends = end === null ? [[], []] : [[moment(end)], [durationText(end - start)]];
    row.append(cell(labels[0], moment(start)), cell(labels[1], ...ends[0]), cell(labels[2], ...ends[1]), cell("", ...content()));
    return row;
  });
}
