// A pane: tissue and field below, cells copied onto them, marks above.
const FAMILY = "#0b8f6a", CLONE_MATE = "#d55e00";

const Paint = {
  /** Return the lowest and highest value of a quantity over all arms, for one scale. */
  span(name) {
    if (name === "age") return [0, 64];
    const of = this.scenes.map((s) => s.ranges[name]);
    const low = Math.min(...of.map((r) => r[0])), high = Math.max(...of.map((r) => r[1]));
    if (name === "aromatase") return [0.005, high];
    if (name.endsWith("signal")) return [0, Math.max(high, 1.2)];
    return [this.zero ? 0 : low, high];
  },
  paintGround(canvas, arm, frame) {
    const ground = document.createElement("canvas");
    ground.width = canvas.width; ground.height = canvas.height;
    const g = ground.getContext("2d"), k = this.view.k * this.ratio;
    g.setTransform(k, 0, 0, -k, canvas.width / 2 - this.view.x * k, canvas.height / 2 + this.view.y * k);
    const [width, height] = [canvas.width / k, canvas.height / k];
    paintTissue(g, arm.section, this.tone, { x: this.view.x - width / 2, y: this.view.y - height / 2, width, height }, frame);
    return ground;
  },
  paint(pane) {
    const { canvas } = pane, arm = this.arms[pane.arm], m = arm && this.motionOf(arm), g = canvas.getContext("2d", { alpha: false });
    if (!arm) return 0;
    const k = this.view.k * this.ratio, left = canvas.width / 2 - this.view.x * k, top = canvas.height / 2 + this.view.y * k;
    const t = m ? this.share(arm) : 0, frame = m && (t < 0.5 ? m.a : m.b), base = this.baseOf(pane, arm, frame, k, left, top);
    base.image32.set(base.below);
    const rings = m && !pane.difference ? this.paintCells(g, m, t, k, left, top, base, pane) : [];
    if (k <= NEAR || pane.difference) g.putImageData(base.image, 0, 0);
    g.setTransform(k, 0, 0, -k, left, top);
    paintStages(g, arm.section, this.day, frame, this.tone, !this.stages); // what niches lack is shown in any case
    g.setTransform(1, 0, 0, 1, 0, 0);
    if (frame) this.paintLoss(g, arm, frame, k, left, top);
    this.paintRings(g, rings, k);
    this.paintBar(g, canvas, k);
    this.paintScales(g, pane);
    this.paintInsults(g, pane);
    return m && !pane.difference ? m.n : 0;
  },
  /** Return what lies below the cells, and room to draw them on it; both are kept as long as they stay the same. */
  baseOf(pane, arm, frame, k, left, top) {
    const { canvas } = pane, s = arm.section, there = frame ? [...frame.tubule].join("") : "", shown = frame && this.fieldIn(pane, frame);
    const mark = [there, shown ? shown.mark : ""].join();
    if (!this.ground) this.ground = new Map();
    let base = this.ground.get(canvas);
    if (base && base.mark === mark) return base;
    if (!base) {
      const image = new ImageData(canvas.width, canvas.height), sheet = document.createElement("canvas");
      sheet.width = canvas.width; sheet.height = canvas.height;
      base = { image, image32: new Uint32Array(image.data.buffer), g: sheet.getContext("2d", { willReadFrequently: true }) };
      this.ground.set(canvas, base);
    }
    if (base.there !== there) { base.tissue = this.paintGround(canvas, arm, frame); base.there = there; }
    const g = base.g;
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.drawImage(base.tissue, 0, 0);
    if (shown) {
      const picture = fieldPicture(shown.values(), frame.rows, frame.columns, shown.low, shown.high, shown.colour);
      g.globalAlpha = 0.86; g.imageSmoothingQuality = "high";
      g.drawImage(picture, left + s.x * k, top - (s.y + s.height) * k, s.width * k, s.height * k);
      g.globalAlpha = 1;
      g.setTransform(k, 0, 0, -k, left, top);
      paintWalls(g, s, this.tone, frame);
    }
    base.below = new Uint32Array(g.getImageData(0, 0, canvas.width, canvas.height).data.buffer);
    base.mark = mark;
    return base;
  },
  /** Draw the cells; return where the chosen one, its clone and its family are. */
  paintCells(g, m, t, k, left, top, base, pane) {
    const picture = base.image32, { width, height } = base.image, near = k > NEAR; // so large that few are seen: drawn as lines, sharp
    if (near) g.putImageData(base.image, 0, 0);
    else if (!this.sprites || this.sprites.scale !== k || this.sprites.tone !== this.tone) this.sprites = new Sprites(k, this.tone);
    const mode = this.colour, measured = !["stain", "step", "clone"].includes(mode);
    const [low, high] = measured ? this.span(mode) : [0, 1], log = mode === "aromatase", faint = pane.field === "none" ? 1 : 0.75;
    const rings = [], chosen = this.chosen, family = chosen && this.family, edge = 19 * k;
    for (let i = 0; i < m.n; i++) {
      const px = left + (m.x0[i] + t * (m.x1[i] - m.x0[i])) * k, py = top - (m.y0[i] + t * (m.y1[i] - m.y0[i])) * k;
      if (px < -edge || py < -edge || px > width + edge || py > height + edge) continue;
      const early = m.rowB[i] < 0 || (t < 0.5 && m.rowA[i] >= 0), frame = early ? m.a : m.b, row = early ? m.rowA[i] : m.rowB[i];
      const step = frame.step[row], low32 = frame.lineage[2 * row], fate = m.fate[i];
      const opacity = fate ? faint * (1 - t) : m.rowA[i] < 0 ? faint * t : faint;
      let tint = null, shade = 0;
      if (fate && fate !== RELEASED) { tint = DYING; shade = 90; }
      else if (mode === "step") { tint = STEP_COLOURS[step]; shade = 1 + step; }
      else if (mode === "clone") {
        const name = step > 1 && step < SERTOLI ? frame.clone[row] : 0;
        shade = name ? 20 + ((name >>> 3) % CLONE_COLOURS.length) : 19;
        tint = name ? CLONE_COLOURS[shade - 20] : NO_VALUE;
      } else if (measured) {
        const value = valueOf(frame, row, mode);
        const part = log ? Math.log(Math.max(value, low) / low) / Math.log(high / low) : (value - low) / (high - low || 1);
        const bin = Math.min(Math.max(Math.round(part * (BINS - 1)), 0), BINS - 1);
        shade = value === value ? 30 + bin : 19;
        tint = value === value ? BIN_COLOURS[bin] : NO_VALUE;
      }
      const variant = low32 % (tint && !near ? Math.min(variants(step), 2) : variants(step)), n = turns(step);
      if (near) {
        g.globalAlpha = opacity;
        g.setTransform(k, 0, 0, -k, px, py);
        if (n > 1) g.rotate(m.angle[i]);
        paintCell(g, step, variant, tint, this.tone, false, opacity);
      } else {
        const turn = n > 1 ? ((Math.round((m.angle[i] / SPAN) * n) % n) + n) % n : 0;
        blit(picture, width, height, this.sprites.of(step, variant, turn, tint, shade), px, py, Math.round(256 * opacity));
      }
      if (chosen) {
        if (low32 === chosen.low && frame.lineage[2 * row + 1] === chosen.high) rings.push([px, py, "itself"]);
        else if (family && pane.arm === chosen.arm && family.get(low32) === frame.lineage[2 * row + 1]) rings.push([px, py, "family"]);
        else if (chosen.clone && step > 1 && step < SERTOLI && frame.clone[row] === chosen.clone) rings.push([px, py, "clone"]);
      }
    }
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.globalAlpha = 1;
    return rings;
  },
  /** Ring the chosen cell, finer those that bridges join to it, and dashed those that it came from or that came from it. */
  paintRings(g, rings, k) {
    for (const [x, y, of] of rings) {
      const itself = of === "itself", size = itself ? 7.5 : of === "family" ? 5.5 : 4;
      g.beginPath(); g.arc(x, y, size * Math.max(k, itself ? 1.3 : 0.9), 0, SPAN);
      g.strokeStyle = itself ? this.tone.ring : of === "family" ? FAMILY : CLONE_MATE; g.lineWidth = (itself ? 2.5 : of === "family" ? 2 : 1.2) * this.ratio;
      if (of === "family") g.setLineDash([3 * this.ratio, 2 * this.ratio]);
      g.stroke(); g.setLineDash([]);
    }
  },
  paintBar(g, canvas, k) {
    const length = [500, 200, 100, 50, 20, 10].find((um) => um * k < canvas.width * 0.3) || 10, r = this.ratio, y = canvas.height - 12 * r;
    g.font = `${11 * r}px ${this.face}`; g.textAlign = "left"; g.textBaseline = "alphabetic";
    g.fillStyle = this.night ? "#000000aa" : "#ffffffcc"; g.fillRect(6 * r, y - 18 * r, length * k + 12 * r, 26 * r);
    g.fillStyle = this.night ? "#fff" : "#000"; g.fillRect(12 * r, y, length * k, 3 * r); g.fillText(`${length} µm`, 12 * r, y - 5 * r);
  },
};
