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

function cell(...content) {
  const made = document.createElement("td");
  made.append(...content);
  return made;
}

// `actions`: alertText(alert), alertUrl(alert), and play(ms), which a button calls.
export function listRows(days, texts, { alertText, alertUrl, play }) {
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
    row.append(cell(moment(start)), cell(...(end === null ? [] : [moment(end)])), cell(end === null ? "" : durationText(end - start)), cell(...content()));
    return row;
  });
}
