"use strict";
// Everything here only adds to a report that is complete without it: sortable tables, and charts drawn when a card opens.
(() => {
  const color = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const drawn = new Map();

  function sortable(table) {
    const body = table.tBodies[0];
    table.querySelectorAll("thead th").forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      button.title = "Sort by this column";
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") !== "descending";
        table.querySelectorAll("thead th").forEach(other => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = Array.from(body.rows, (row, at) => {
          const cell = row.cells[column];
          const text = cell.dataset.value ?? cell.textContent.trim();
          const number = text === "" ? NaN : Number(text);
          return { row, at, text, number };
        });
        const compare = (a, b) => {
          if (!Number.isNaN(a.number) && !Number.isNaN(b.number)) return a.number - b.number;
          if (Number.isNaN(a.number) !== Number.isNaN(b.number)) return Number.isNaN(a.number) ? -1 : 1;
          return a.text < b.text ? -1 : a.text > b.text ? 1 : 0;
        };
        rows.sort((a, b) => (down ? -1 : 1) * compare(a, b) || a.at - b.at);
        body.append(...rows.map(entry => entry.row));
      });
    });
  }

  function drawTimeline(figure, line) {
    const target = figure.querySelector(".plot");
    target.replaceChildren();
    figure.classList.add("drawn");
    const axis = { stroke: color("--soft"), grid: { stroke: color("--line"), width: 1 }, ticks: { stroke: color("--line") } };
    const pad = number => String(number).padStart(2, "0");
    const days = (chart, splits, index, space, step) => splits.map(seconds => {
      const at = new Date(seconds * 1e3);
      const day = `${at.getUTCFullYear()}-${pad(at.getUTCMonth() + 1)}-${pad(at.getUTCDate())}`;
      const clock = `${pad(at.getUTCHours())}:${pad(at.getUTCMinutes())}`;
      return step >= 86400 ? day.slice(step > 30 * 86400 ? 0 : 5) : clock === "00:00" ? day.slice(5) : clock;
    });
    const mark = chart => {
      if (line.detected === null) return;
      const x = chart.valToPos(line.detected, "x", true);
      const { left, top, width, height } = chart.bbox;
      if (x < left || x > left + width) return;
      const ctx = chart.ctx;
      ctx.save();
      ctx.strokeStyle = ctx.fillStyle = color("--ink");
      ctx.setLineDash([6, 4]);
      ctx.beginPath(); ctx.moveTo(x, top); ctx.lineTo(x, top + height); ctx.stroke();
      const end = x > left + width * 0.75;
      ctx.textAlign = end ? "right" : "left";
      ctx.textBaseline = "bottom";
      ctx.fillText("first detectable", x + (end ? -6 : 6), top - 2 * devicePixelRatio);
      ctx.setLineDash([]);
      ctx.restore();
    };
    return new uPlot({
      width: target.clientWidth || 900, height: 230, padding: [20, 12, 0, 0],
      tzDate: seconds => uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC"),
      scales: { x: { time: true }, y: { range: (u, low, high) => [0, Math.max(high, 1) * 1.05] } },
      axes: [{ ...axis, values: days }, { ...axis, size: 64 }],
      cursor: { drag: { x: false, y: false } },
      hooks: { draw: [mark] },
      series: [
        { label: "Time (UTC)", value: (u, v) => v === null ? "–" : new Date(v * 1e3).toISOString().slice(0, 16).replace("T", " ") },
        { label: "Exchanges", stroke: color("--chart"), fill: color("--chart"), points: { show: false },
          paths: uPlot.paths.bars({ size: [0.9], align: 1 }) },
      ],
    }, [line.starts, line.values], target);
  }

  // Things on an ellipse; each account at the middle of its own things, those with the same things in a spiral there,
  // and those with one thing only on its outer side. The same data give the same drawing, in one pass.
  function layout(graph, width, height) {
    const places = new Map();
    const things = graph.nodes.filter(node => node.label !== undefined);
    things.forEach((node, i) => {
      const angle = (2 * Math.PI * i) / things.length - Math.PI / 2;
      places.set(node.id, { x: Math.cos(angle) * width * 0.36, y: Math.sin(angle) * height * 0.36 });
    });
    const own = new Map();
    graph.links.forEach(([account, thing]) => own.set(account, [...(own.get(account) ?? []), thing]));
    const crowd = new Map();
    graph.nodes.filter(node => node.label === undefined).forEach(node => {
      const near = own.get(node.id).map(id => places.get(id));
      const out = near.length === 1 && things.length > 1 ? 1.3 : 1;
      const x = (out * near.reduce((sum, at) => sum + at.x, 0)) / near.length;
      const y = (out * near.reduce((sum, at) => sum + at.y, 0)) / near.length;
      const key = `${Math.round(x / 24)} ${Math.round(y / 24)}`;
      const k = crowd.get(key) ?? (things.length > 1 ? 0 : 2);
      crowd.set(key, k + 1);
      const turn = k * Math.PI * (3 - Math.sqrt(5));
      places.set(node.id, { x: x + 13 * Math.sqrt(k) * Math.cos(turn), y: y + 13 * Math.sqrt(k) * Math.sin(turn) });
    });
    return places;
  }

  function drawGraph(figure, graph) {
    const target = figure.querySelector(".canvas");
    const words = figure.querySelector(".words");
    const about = words.textContent;
    target.replaceChildren();
    figure.classList.add("drawn");
    const ink = color("--ink");
    const places = layout(graph, target.clientWidth || 560, target.clientHeight || 400);
    const cy = cytoscape({
      container: target,
      elements: [
        ...graph.nodes.map((node, i) => ({ data: node, classes: node.shape, position: places.get(node.id) })),
        ...graph.links.map(([source, target]) => ({ data: { source, target } })),
      ],
      userZoomingEnabled: false, userPanningEnabled: false, boxSelectionEnabled: false, autoungrabify: true,
      style: [
        { selector: "node", style: { width: 11, height: 11, "background-color": color("--card"), "border-width": 1.5, "border-color": ink } },
        { selector: "node[label]", style: { width: 26, height: 26, shape: "polygon", "background-color": color("--chart"), label: "data(label)",
          color: ink, "font-size": 11, "text-valign": "bottom", "text-margin-y": 4, "text-max-width": 130, "text-wrap": "ellipsis",
          "text-background-color": color("--card"), "text-background-opacity": 0.85, "text-background-padding": 1 } },
        ...Object.entries(graph.shapes).map(([kind, points]) => ({ selector: `node[shape = ${JSON.stringify(kind)}]`, style: { "shape-polygon-points": points } })),
        { selector: "edge", style: { width: 1, "line-color": color("--soft"), opacity: 0.5 } },
        { selector: ".near", style: { opacity: 1, "border-width": 3 } },
        { selector: "edge.near", style: { opacity: 1, width: 2.5 } },
      ],
      layout: { name: "preset", fit: true, padding: 34 },
    });
    // The layout decides the zoom; sizes are set after it, so that labels can be read whatever the size of the group.
    const px = size => size / cy.zoom();
    cy.batch(() => cy.nodes().forEach(node => {
      const size = px(node.data("label") ? 22 : 9);
      node.style({ width: size, height: size, "border-width": px(1.3), "font-size": px(11), "text-margin-y": px(3), "text-max-width": px(150) });
    }));
    cy.edges().style({ width: px(1) });
    cy.fit(undefined, 34);
    // Cytoscape remembers where its canvas is until something scrolls or changes size; what opens or is drawn above it
    // moves it without either, and a tap would then hit the wrong place.
    target.addEventListener("pointerdown", () => cy.resize(), { capture: true });
    cy.on("tap", event => {
      cy.elements().removeClass("near");
      if (event.target === cy || !event.target.isNode()) { words.textContent = about; return; }
      const node = event.target;
      node.closedNeighborhood().addClass("near");
      const others = node.neighborhood("node").map(other => other.data("label") ?? other.data("name"));
      words.textContent = `${node.data("label") ?? node.data("name")}: joined to ${others.slice(0, 12).join(", ")}${others.length > 12 ? ", …" : ""}`;
    });
    return cy;
  }

  function draw(card) {
    const data = card.querySelector("script[type='application/json']");
    if (!data || !card.querySelector("details.evidence").open) return;
    (drawn.get(card) ?? []).forEach(chart => chart.destroy());
    const { timeline, graph } = JSON.parse(data.textContent);
    const charts = [];
    const figure = name => card.querySelector(`figure.${name}`);
    if (timeline && figure("timeline")) charts.push(drawTimeline(figure("timeline"), timeline));
    if (graph && figure("graph")) charts.push(drawGraph(figure("graph"), graph));
    drawn.set(card, charts);
  }

  document.querySelectorAll("table.sortable").forEach(sortable);
  const cards = Array.from(document.querySelectorAll(".card"));
  // A report may hold hundreds of cards: draw only what is open and near the window.
  const near = new IntersectionObserver(entries => entries.forEach(entry => {
    if (!entry.isIntersecting) return;
    near.unobserve(entry.target);
    draw(entry.target.closest(".card"));
  }), { rootMargin: "300px" });
  const watch = details => {
    if (details.open && !drawn.has(details.closest(".card"))) near.observe(details);
  };
  document.addEventListener("toggle", event => {
    if (event.target.matches?.("details.evidence")) watch(event.target);
  }, true);
  document.querySelectorAll("details.evidence").forEach(watch);

  const follow = () => {
    const target = /^#g\d+$/.test(location.hash) && document.getElementById(location.hash.slice(1));
    const details = target && target.querySelector("details");
    if (details) { details.open = true; target.scrollIntoView(); }
    else if (target && target.tagName === "DETAILS") target.open = true;
  };
  addEventListener("hashchange", follow);
  follow();

  const redraw = () => drawn.forEach((charts, card) => draw(card));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  let waiting = 0;
  let wide = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === wide) return;
    wide = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(redraw, 200);
  });

  // Older browsers have no ::details-content, so what is closed is opened for the printer and closed again.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = CSS.supports("selector(::details-content)") ? [] : Array.from(document.querySelectorAll("details:not([open])"));
    closed.forEach(details => { details.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach(details => { details.open = false; }));

  const tools = document.querySelector(".tools");
  if (tools && cards.length > 1) {
    for (const [text, open] of [["Open all evidence", true], ["Close all", false]]) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = text;
      button.addEventListener("click", () => document.querySelectorAll("details.evidence").forEach(details => { details.open = open; }));
      tools.append(button);
    }
  }
})();
