// Plain DOM: elements, and what the host of the widget looks like.

/** Return an element; `on*` of `attributes` are listeners, null and false leave one out, children are elements or text. */
function make(tag, attributes = {}, ...children) {
  const of = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) of.addEventListener(name.slice(2), value, name === "onwheel" ? { passive: false } : undefined);
    else if (value !== null && value !== undefined && value !== false) of.setAttribute(name, value === true ? "" : value);
  }
  of.append(...children.filter((child) => child !== null && child !== undefined));
  return of;
}

/** Return a labelled choice; `options` is value -> text. */
function chooser(label, says, options, value, change) {
  const select = make("select", { "aria-label": says, onchange: () => change(select.value) });
  for (const [key, text] of Object.entries(options)) select.append(make("option", { value: key }, text));
  select.value = value;
  return make("label", {}, `${label} `, select);
}

function box(label, checked, change) {
  const input = make("input", { type: "checkbox", onchange: () => change(input.checked) });
  input.checked = checked;
  return make("label", {}, input, ` ${label}`);
}

/** Put children into an element unless it says the same already: what is not replaced keeps the focus. */
function fill(of, mark, children) {
  if (of.dataset.mark === mark) return false;
  of.dataset.mark = mark;
  of.replaceChildren(...children());
  return true;
}

/** Return whether the host is dark: JupyterLab, VS Code and marimo say so on the body, others in the browser's settings. */
function hostIsDark(media) {
  const body = document.body;
  if (body.dataset.jpThemeLight) return body.dataset.jpThemeLight === "false";
  if (body.dataset.vscodeThemeKind) return !body.dataset.vscodeThemeKind.includes("light");
  if (body.classList.contains("dark") || document.documentElement.classList.contains("dark")) return true;
  return media.matches;
}

/** Return a number as it is read: three digits, none of them lost to rounding before. */
function figure(value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  if (Math.abs(value) >= 10 ** (digits - 1)) return Math.round(value).toLocaleString("en");
  return Number(value.toPrecision(digits)).toString();
}
const signed = (value, digits = 3) => (Number.isFinite(value) && value > 0 ? `+${figure(value, digits)}` : figure(value, digits).replace("-", "−"));
