"use strict";
// Tables sort by their heads and filter by their columns; the state stands in the address:
// #table=board&sort=test accuracy&down=1&family=settling&find=text
const MOST = 500; // rows of a table that are shown before all are asked for
for (const table of document.querySelectorAll("table[data-sorts]")) prepare(table);

function prepare(table) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0], rows = [...body.rows];
  const titles = heads.map(head => head.textContent.trim());
  const state = new Map();
  const selects = new Map();
  let texts = null;

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
  const count = document.createElement("span");
  count.setAttribute("role", "status");
  const more = document.createElement("button");
  more.type = "button";
  more.textContent = "show all";
  more.addEventListener("click", () => { set("all", "1"); show(); });
  const line = document.createElement("p");
  line.className = "count";
  line.append(count, " ", more);
  if ("filters" in table.dataset) table.closest(".scroll").before(bar, line);

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
    const order = column < 0 ? rows : [...rows].sort((a, b) => compare(keys.get(a), keys.get(b)));
    const wanted = (state.get("find") || "").toLowerCase();
    if (wanted && !texts) texts = new Map(rows.map(row => [row, row.textContent.toLowerCase()]));
    if (find.value.toLowerCase() !== wanted) find.value = wanted;
    for (const [title, [select]] of selects) select.value = state.get(title) || "";
    const chosen = [...selects].filter(([title]) => state.has(title))
      .map(([title, [, at]]) => [at, state.get(title)]);
    let fitting = 0;
    for (const row of order) {
      const fits = (!wanted || texts.get(row).includes(wanted)) &&
        chosen.every(([at, value]) => row.cells[at].textContent.trim() === value);
      fitting += fits;
      row.hidden = !fits || (fitting > MOST && !state.has("all"));
    }
    if (order.some((row, i) => row !== body.rows[i])) body.replaceChildren(...order);
    more.hidden = fitting <= MOST || state.has("all");
    count.textContent = `${more.hidden ? fitting : MOST} of ${rows.length} rows`;
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
