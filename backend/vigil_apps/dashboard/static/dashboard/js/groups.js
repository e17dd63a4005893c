// Groups alerts of one object: the newest keeps its place, the others follow directly below.
const WINDOW_SECONDS = 3600; // a restarted detector numbers its objects from 1 again

export function group(rows) {
  const heads = new Map(); // object → { row, at, tail, count }
  for (const row of [...rows.querySelectorAll("[data-alert]")]) {
    const { object, at } = row.dataset;
    const head = object && heads.get(object);
    const isSame = Boolean(head) && Math.abs(head.at - Number(at)) <= WINDOW_SECONDS;
    row.classList.toggle("is-same", isSame);
    if (isSame) {
      if (head.tail.nextElementSibling !== row) head.tail.after(row);
      head.tail = row;
      head.count += 1;
    } else if (object) {
      heads.set(object, { row, at: Number(at), tail: row, count: 1 });
    }
    row.querySelector(".row-same")?.remove();
  }
  for (const { row, count } of heads.values()) {
    if (count < 2) continue;
    const text = document.createElement("span");
    text.className = "row-same";
    text.textContent = `${count} ${rows.dataset.sameText}`;
    row.querySelector(".row-text").append(text);
  }
}
