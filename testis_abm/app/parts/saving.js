// Pictures of the page as files.
const FACE = "'Source Sans 3', 'Source Sans Pro', 'Helvetica Neue', Arial, sans-serif";
const STYLES = ['fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'stroke-linejoin', 'stroke-linecap', 'opacity', 'paint-order', 'font-size', 'font-weight'];
const OF_PAGE = ['class', 'data-at', 'tabindex', 'role', 'aria-label'];
const SCALE = 3; // of a PNG: a figure two columns wide has 300 dots an inch

/** Return an SVG of the page as one that stands alone, with its size: in light colours, styles in it, on white ground. */
function alone(svg) {
  const place = document.createElement('div');
  place.className = 'ta ta-day ta-aside';
  place.innerHTML = svg;
  document.body.append(place);
  const drawing = place.firstElementChild, [, , width, height] = drawing.getAttribute('viewBox').split(' ').map(Number);
  for (const element of drawing.querySelectorAll('*')) {
    const style = getComputedStyle(element);
    for (const name of STYLES) {
      const value = style.getPropertyValue(name);
      if ((value && !['none', 'normal', 'auto'].includes(value)) || name === 'fill') element.style.setProperty(name, value);
    }
  }
  for (const element of drawing.querySelectorAll('*')) OF_PAGE.forEach((name) => element.removeAttribute(name));
  const ground = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
  for (const [name, value] of Object.entries({ width, height, fill: '#ffffff' })) ground.setAttribute(name, value);
  drawing.prepend(ground);
  drawing.removeAttribute('class');
  for (const [name, value] of Object.entries({ width, height, 'font-family': FACE })) drawing.setAttribute(name, value);
  const text = new XMLSerializer().serializeToString(drawing);
  place.remove();
  return { text, width, height };
}

/** Return the rules of the type face with its bytes: a picture in a picture asks nothing of the network. */
async function face() {
  let found = '';
  for (const sheet of document.styleSheets) {
    let rules = [];
    try { rules = [...sheet.cssRules]; } catch (error) { continue; } // of another origin
    for (const rule of rules) {
      const src = rule instanceof CSSFontFaceRule && rule.style.getPropertyValue('src');
      if (!src || !rule.style.getPropertyValue('font-family').includes('Source Sans 3') || !/latin-wght-normal/.test(src)) continue;
      const file = await (await fetch(new URL(src.match(/url\(["']?([^"')]+)/)[1], sheet.href || document.baseURI))).blob();
      const data = await new Promise((done) => { const reader = new FileReader(); reader.onload = () => done(reader.result); reader.readAsDataURL(file); });
      found += "@font-face { font-family: 'Source Sans 3'; font-weight: 200 900; src: url(" + data + ") format('woff2'); }";
    }
  }
  return found;
}

async function painted({ text, width, height }) {
  const image = new Image(), canvas = document.createElement('canvas');
  image.src = URL.createObjectURL(new Blob([text.replace('>', '><style>' + await face() + '</style>')], { type: 'image/svg+xml' }));
  await image.decode();
  canvas.width = SCALE * width;
  canvas.height = SCALE * height;
  canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  return new Promise((done) => canvas.toBlob(done, 'image/png'));
}

/** Hand a file to the browser, called by what it shows. */
function hand(blob, name, ending) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = (name.replace(/[^A-Za-z0-9]+/g, '_').replace(/^_|_$/g, '').toLowerCase() || 'picture') + '.' + ending;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** Save an SVG of the page as a file of a kind, "PNG" or "SVG". */
async function savePicture(svg, name, kind) {
  const drawing = alone(svg);
  hand(kind === 'SVG' ? new Blob([drawing.text], { type: 'image/svg+xml' }) : await painted(drawing), name, kind.toLowerCase());
}
