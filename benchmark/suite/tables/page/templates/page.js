"use strict";
// Tables sort by their heads and filter by their columns; the state stands in the address:
// #table=board&sort=test accuracy&down=1&family=settling&find=text
for (const table of document.querySelectorAll("table[data-sorts]")) prepare(table);

function prepare(table) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0], rows = [...body.rows];
  const titles = heads.map(head => head.textContent.trim());
  const texts = rows.map(row => row.textContent.toLowerCase());
  const state = new Map();
  const selects = new Map();

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = titles[column];
    button.addEventListener("click", () => {
      const again = state.get("sort") === titles[column];
      const down = again ? !state.has("down") : "number" in head.dataset;
      set("sort", titles[column]);
      set("down", down ? "1" : "");
      show();
    });
    head.replaceChildren(button);
  });

  const bar = document.createElement("form");
  bar.className = "filters";
  bar.addEventListener("submit", event => event.preventDefault());
  const find = document.createElement("input");
  find.type = "search";
  label("find", find);
  heads.forEach((head, column) => {
    if (!("choice" in head.dataset)) return;
    const select = document.createElement("select");
    const known = [...new Set(rows.map(row => row.cells[column].textContent.trim()))].filter(Boolean).sort();
    if (known.length < 2) return;
    select.append(new Option("all", ""), ...known.map(value => new Option(value, value)));
    label(titles[column], select);
    selects.set(titles[column], [select, column]);
  });
  const count = document.createElement("p");
  count.className = "count";
  count.setAttribute("role", "status");
  if ("filters" in table.dataset) table.closest(".scroll").before(bar, count);

  function label(title, control) {
    const element = document.createElement("label");
    element.append(title, control);
    control.addEventListener("input", () => { set(title, control.value); show(); });
    bar.append(element);
  }

  function set(name, value) {
    if (value) state.set(name, value); else state.delete(name);
  }

  function key(row, column) {
    const cell = row.cells[column], value = cell.dataset.v;
    if (value !== undefined) return Number(value);
    return cell.textContent.trim().toLowerCase() || null;
  }

  function compare(a, b) {
    if (a === b) return 0;
    if (a === null) return 1;
    if (b === null) return -1;
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return (a < b ? -1 : 1) * (state.has("down") ? -1 : 1);
  }

  function arrange() {
    const column = titles.indexOf(state.get("sort"));
    heads.forEach((head, i) => i === column
      ? head.setAttribute("aria-sort", state.has("down") ? "descending" : "ascending")
      : head.removeAttribute("aria-sort"));
    const keys = new Map(rows.map(row => [row, column < 0 ? null : key(row, column)]));
    const order = [...rows].sort((a, b) => compare(keys.get(a), keys.get(b)));
    const wanted = (state.get("find") || "").toLowerCase();
    find.value = state.get("find") || "";
    for (const [title, [select]] of selects) select.value = state.get(title) || "";
    let shown = 0;
    rows.forEach((row, i) => {
      row.hidden = !texts[i].includes(wanted) || [...selects].some(([title, [, at]]) =>
        state.has(title) && row.cells[at].textContent.trim() !== state.get(title));
      shown += !row.hidden;
    });
    body.replaceChildren(...order);
    count.textContent = `${shown} of ${rows.length} rows`;
  }

  function show() {
    arrange();
    const address = new URLSearchParams([["table", table.id], ...state]);
    history.replaceState(null, "", `#${address}`);
  }

  function read() {
    const address = new URLSearchParams(location.hash.slice(1));
    if (address.get("table") !== table.id) return;
    state.clear();
    for (const [name, value] of address) if (name !== "table") set(name, value);
    arrange();
  }

  arrange();
  read();
  window.addEventListener("hashchange", read);
}
