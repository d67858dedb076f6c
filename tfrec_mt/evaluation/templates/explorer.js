"use strict";
for (const section of document.querySelectorAll(".explorer")) {
  const requests = JSON.parse(section.querySelector("script").textContent);
  const [request, domain] = ["request", "domain"].map((name) => section.querySelector(`select.${name}`));
  const element = (name, text, kind) => {
    const made = document.createElement(name);
    made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  requests.forEach((of, place) => request.append(new Option(of.title, place)));

  const offerDomains = () => {
    const of = requests[request.value];
    domain.replaceChildren();
    for (const [topic, domains] of Object.entries(of.scores)) {
      const group = document.createElement("optgroup");
      group.label = topic;
      for (const name of Object.keys(domains)) {
        const own = of.own[topic] === name;
        const option = new Option(own ? `${name} (its own)` : name, JSON.stringify([topic, name]));
        // the first topic's own domain is what is shown first
        option.selected = own && topic === Object.keys(of.scores)[0];
        group.append(option);
      }
      domain.append(group);
    }
  };

  const order = (scores) => scores.map((_, i) => i).sort((a, b) => scores[b] - scores[a] || a - b);

  const fill = (list, of, scores, ranks, before) => {
    list.replaceChildren();
    ranks.forEach((item, rank) => {
      const line = document.createElement("li");
      line.append(element("span", of.items[item], "item"));
      for (const label of of.labels[item]) line.append(element("span", label, "label"));
      const moved = before ? before.indexOf(item) - rank : 0;
      if (moved) line.append(element("span", `${moved > 0 ? "▲" : "▼"} ${Math.abs(moved)}`, "moved"));
      line.append(element("span", scores[item].toFixed(4), "score"));
      list.append(line);
    });
  };

  const show = () => {
    const of = requests[request.value];
    const [topic, name] = JSON.parse(domain.value);
    const { base, kernels } = of.scores[topic][name];
    const [before, after] = [order(base), order(kernels)];
    fill(section.querySelector(".base"), of, base, before, null);
    fill(section.querySelector(".kernels"), of, kernels, after, before);
    const moved = after.filter((item, rank) => before[rank] !== item).length;
    const labelled = of.items.map((_, item) => item).filter((item) => of.labels[item].includes(of.task));
    const places = (ranks) => labelled.map((item) => ranks.indexOf(item) + 1).sort((a, b) => a - b).join(", ");
    const own = of.own[topic] === name;
    section.querySelector(".outcome").textContent =
      `In ${topic} ${name}, kernels move ${moved} of ${of.items.length} items.` +
      (own ? ` Its ${of.task} rows rank ${places(before)} by the base and ${places(after)} with kernels.` : "");
  };

  request.addEventListener("change", () => { offerDomains(); show(); });
  domain.addEventListener("change", show);
  offerDomains();
  show();
}
