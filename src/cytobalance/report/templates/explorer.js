(() => {
  "use strict";
  const find = (id) => document.getElementById(id);
  const data = JSON.parse(find("explorer-data").textContent);
  const dialog = find("explorer-dialog");
  const choices = [find("explorer-balancer"), find("explorer-classifier")];
  const atlas = new Image();

  // All text goes in as text: a name with `<` is no tag.
  function make(tag, text = "", kind = "") {
    const element = document.createElement(tag);
    element.textContent = text;
    if (kind) element.className = kind;
    return element;
  }

  function join(parent, ...children) {
    parent.append(...children);
    return parent;
  }

  const capital = (text) => text[0].toUpperCase() + text.slice(1);
  const percent = (part, whole) => `${Math.round((100 * part) / whole)} %`;
  const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);

  function canvas(tile, size, label) {
    const element = make("canvas");
    element.width = element.height = size;
    element.setAttribute("role", "img");
    element.setAttribute("aria-label", label);
    const context = element.getContext("2d");
    const x = data.side * (tile % data.columns);
    const y = data.side * Math.floor(tile / data.columns);
    context.imageSmoothingQuality = "high";
    context.drawImage(atlas, x, y, data.side, data.side, 0, 0, size, size);
    return element;
  }

  function lit(element, look, side) {
    const grid = make("canvas");
    grid.width = grid.height = side;
    const context = grid.getContext("2d");
    const pixels = context.createImageData(side, side);
    for (let k = 0; k < side * side; k++) {
      const value = parseInt(look.slice(2 * k, 2 * k + 2), 16);
      pixels.data.set([255, 190, 0, 0.75 * value], 4 * k);
    }
    context.putImageData(pixels, 0, 0);
    const above = element.getContext("2d");
    above.drawImage(grid, 0, 0, element.width, element.height);
    return element;
  }

  function framed(picture, caption) {
    const figure = join(make("figure"), picture, make("figcaption", caption));
    figure.style.width = `${picture.width}px`;
    return figure;
  }

  function bars(chances, label, named) {
    return chances.flatMap(([k, value]) => {
      const bar = make("i", "", k === label ? "true" : k === named ? "wrong" : "other");
      bar.style.width = `${value / 10}%`;
      const word = `${data.classes[k]} ${(value / 10).toFixed(1)} %`;
      return [make("small", word), join(make("div", "", "bar-of"), bar)];
    });
  }

  function neighbours(title, tiles) {
    if (!tiles.length) return [];
    const pictures = tiles.map((tile) => {
      const name = data.classes[data.tiles[tile][0]];
      return framed(canvas(tile, 72, name), name);
    });
    return [make("p", title), join(make("div", "", "strip"), ...pictures)];
  }

  function origin(tile) {
    const [, source, name, subject, kind] = data.tiles[tile];
    if (source < 0) return `synthetic: ${name}`;
    return [
      data.sources[source], name,
      subject ? `subject ${subject}` : "no subject given",
      kind ? `type ${kind}` : "",
    ].filter(Boolean).join(" · ");
  }

  function card(one, cell) {
    const [tile, label, named, chances, real, synthetic, look] = cell;
    const confidence = chances.length ? Math.round(chances[0][1] / 10) : 0;
    const truth = capital(data.classes[label]);
    const title = `${capital(data.classes[named])} ${confidence} % (${truth})`;
    const pictures = [framed(canvas(tile, 136, title), `is ${data.classes[label]}`)];
    if (look && /[^0]/.test(look)) {
      const heat = lit(canvas(tile, 136, `Grad-CAM of ${title}`), look, one.looks.side);
      pictures.push(framed(heat, `Grad-CAM for ${data.classes[named]}`));
    }
    return join(
      make("section", "", "card"),
      make("h3", title),
      join(make("div", "", "strip"), ...pictures),
      ...bars(chances, label, named),
      ...neighbours("Nearest training cells", real),
      ...neighbours("Nearest synthetic training cells", synthetic),
      make("p", origin(tile), "quiet"),
    );
  }

  async function open(one, title, count, chosen) {
    const wrongFirst = [...chosen].sort((a, b) => (a[1] === a[2]) - (b[1] === b[2]));
    const near = one.space === "features" ? "the classifier's features" : "the pixels";
    find("explorer-title").textContent = title;
    find("explorer-note").textContent = [
      `${one.balancer}, ${one.classifier}; test cells of protocol ${data.protocol};`,
      `${one.trials} trial${one.trials > 1 ? "s together" : ""}.`,
      chosen.length === count ? "" : `${chosen.length} of ${count} shown: misses the `
        + "surest first, right ones drawn by chance.",
      one.level ? `To keep the page small at most ${one.level[0]} cells of a count are `
        + `kept, each with ${one.level[1]} training cells and ${one.level[2]} synthetic `
        + "ones." : "",
      `Nearest by ${near}.`,
      one.looks.reason ? `No Grad-CAM: ${one.looks.reason}.`
        : `Grad-CAM, in ${one.looks.side} x ${one.looks.side} parts: the yellower, the `
          + "more a part spoke for the class named.",
    ].join(" ");
    if (!atlas.src) {
      atlas.src = `data:image/webp;base64,${find("explorer-atlas").textContent}`;
    }
    if (chosen.length) await atlas.decode();
    const cards = wrongFirst.map((cell) => card(one, cell));
    find("explorer-cards").replaceChildren(...cards);
    dialog.showModal();
    dialog.scrollTop = 0;
  }

  function openClass(one, k) {
    const row = one.confusion[k];
    const text = `${capital(data.classes[k])}: ${row[k]} of ${sum(row)} named rightly`;
    open(one, text, sum(row), one.cells.filter((cell) => cell[1] === k));
  }

  function openNamed(one, k) {
    const column = one.confusion.map((row) => row[k]);
    const text = `Named ${data.classes[k]}: ${column[k]} of ${sum(column)} rightly`;
    open(one, text, sum(column), one.cells.filter((cell) => cell[2] === k));
  }

  function openCount(one, i, j) {
    const verb = i === j ? "named rightly" : `named ${data.classes[j]}`;
    const count = one.confusion[i][j];
    const title = `${capital(data.classes[i])}, ${verb}: ${count}`;
    open(one, title, count, one.cells.filter((c) => c[1] === i && c[2] === j));
  }

  function press(text, label, action) {
    const button = make("button", text);
    button.type = "button";
    button.setAttribute("aria-label", label);
    button.setAttribute("aria-haspopup", "dialog");
    button.addEventListener("click", action);
    return join(make("td"), button);
  }

  function share(part, whole, label, action) {
    if (!whole) return make("td", "–", "none");
    return press(percent(part, whole), label, action);
  }

  function countCell(one, i, j) {
    const count = one.confusion[i][j];
    if (!count) return make("td", "·", "none");
    const label = `${count} ${data.classes[i]} named ${data.classes[j]}`;
    const cell = press(count, label, () => openCount(one, i, j));
    cell.className = i === j ? "right" : "miss";
    const part = count / sum(one.confusion[i]);
    cell.style.setProperty("--share", `${10 + 50 * part}%`);
    return cell;
  }

  function tabulate(one) {
    const head = make("tr");
    join(head, make("th", "true class ↓ named →"));
    join(head, ...data.classes.map((name) => make("th", name)));
    join(head, make("th", "cells"), make("th", "recall"));
    const body = make("tbody");
    data.classes.forEach((name, i) => {
      const row = one.confusion[i];
      const line = join(make("tr"), make("td", name));
      join(line, ...row.map((_, j) => countCell(one, i, j)));
      join(line, make("td", sum(row), "total"));
      const label = `recall of ${name}`;
      join(line, share(row[i], sum(row), label, () => openClass(one, i)));
      join(body, line);
    });
    const foot = join(make("tr"), make("td", "precision"));
    data.classes.forEach((name, j) => {
      const all = sum(one.confusion.map((row) => row[j]));
      const label = `precision of ${name}`;
      join(foot, share(one.confusion[j][j], all, label, () => openNamed(one, j)));
    });
    join(foot, make("td", sum(one.confusion.map(sum)), "total"), make("td"));
    const table = make("table", "", "counts");
    return join(table, join(make("thead"), head), join(body, foot));
  }

  function pick(balancer, classifier) {
    return data.classifiers.find(
      (one) => one.balancer === balancer && one.classifier === classifier,
    );
  }

  function show() {
    const one = pick(choices[0].value, choices[1].value);
    const none = make("p", "This classifier was not trained with this recipe.");
    find("explorer-counts").replaceChildren(one ? tabulate(one) : none);
  }

  ["balancer", "classifier"].forEach((part, k) => {
    const names = [...new Set(data.classifiers.map((one) => one[part]))];
    choices[k].append(...names.map((name) => make("option", name)));
    choices[k].value = find("explorer").dataset[part];
    choices[k].addEventListener("change", show);
  });

  // Elsewhere on the page: `balancer classifier class`, and a picture's tile.
  for (const element of document.querySelectorAll("[data-opens]")) {
    const [balancer, classifier, k, tile] = element.dataset.opens.split(" ");
    const one = pick(balancer, classifier);
    if (!one) continue;
    const chosen = one.cells.filter((cell) => tile && cell[0] === Number(tile));
    const act = () => {
      if (!chosen.length) return openClass(one, Number(k));
      open(one, "A test cell, its neighbours, and Grad-CAM", 1, chosen);
    };
    element.tabIndex = 0;
    element.setAttribute("role", "button");
    element.setAttribute("aria-haspopup", "dialog");
    element.addEventListener("click", act);
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      act();
    });
  }
  show();
  find("explorer").hidden = false;
})();
