// The widget's module: what a notebook or the page calls.
for (const part of [Clock, Hand, Paint, FieldsOver, Loss, Legend, Strip, Panel, Film]) Object.defineProperties(Slide.prototype, Object.getOwnPropertyDescriptors(part));

/** Draw the widget into an element of its host; return what ends it. */
function render({ model, el }) {
  const slide = new Slide(model, el);
  return () => slide.leave();
}

export default { render };
