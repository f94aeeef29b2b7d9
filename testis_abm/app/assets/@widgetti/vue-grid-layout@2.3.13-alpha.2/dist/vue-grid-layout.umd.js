// Solara's GridDraggable, on which Mesa's page lays its components, asks for a library of Vue 2 at this address; its page has Vue 3, in
// which that cannot start. This is as much of it as shows them, in a grid of twelve columns: nothing is dragged or resized.
define(["vue"], (Vue) => {
  const span = (from, count) => `${from + 1} / span ${count}`;
  return {
    GridLayout: {
      props: ["layout", "colNum", "rowHeight", "margin"],
      setup: (props, { slots }) => () => Vue.h("div", {
        style: {
          display: "grid", gridTemplateColumns: `repeat(${props.colNum || 12}, minmax(0, 1fr))`, gridAutoRows: `minmax(${props.rowHeight || 30}px, auto)`,
          gap: (props.margin || [10, 10]).map((of) => `${of}px`).join(" "), padding: "10px",
        },
      }, slots.default ? slots.default() : []),
    },
    GridItem: {
      props: ["x", "y", "w", "h", "i"],
      setup: (props, { slots }) => () => Vue.h("div", {
        class: "vue-grid-item", style: { gridColumn: window.innerWidth < 800 ? "1 / -1" : span(props.x, props.w), gridRow: window.innerWidth < 800 ? "auto" : span(props.y, props.h), minWidth: 0 },
      }, slots.default ? slots.default() : []),
    },
  };
});
