(() => {
  "use strict";
  const field = document.querySelector('[role="search"] input[type="search"]');
  const home = document.querySelector('nav.bar a[href$="search"]');
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    event.preventDefault();
    if (field) field.select();
    else if (home) location.href = home.href;
  });
  if (field && location.hash === "" && location.pathname.endsWith("/search")) field.focus();
  // What became of an address is compared beside the page, some seconds' worth at a time; without scripts a link leads there.
  const compare = async (left, idle) => {
    const here = document.getElementById("steps");
    if (!here || !here.dataset.from || idle > 20) return;
    try {
      const answer = await fetch(here.dataset.from);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const found = page.getElementById("steps");
      if (!answer.ok || !found) return;
      const drawn = page.querySelector("svg.timeline:not(.whole)");
      const old = document.querySelector("#main svg.timeline:not(.whole)");
      if (drawn && old) old.replaceWith(document.adoptNode(drawn));
      const known = page.getElementById("known");
      const before = document.getElementById("known");
      if (known && before) before.replaceWith(document.adoptNode(known));
      here.replaceWith(document.adoptNode(found));
      const now = Number(found.dataset.left || 0);
      setTimeout(compare, now < left ? 0 : 1000, now, now < left ? 0 : idle + 1);
    } catch {
      return;
    }
  };
  compare(Infinity, 0);
  const bar = document.getElementById("bar");
  const short = document.getElementById("checking");
  const long = document.getElementById("sofar");
  const said = long || short;
  if (!said) return;
  const ask = async () => {
    let now;
    try {
      now = await (await fetch(said.dataset.from)).json();
    } catch {
      said.textContent = "The view has ended.";
      return;
    }
    if (now.stage === "reading" || now.stage === "waiting") {
      const part = now.total ? now.done / now.total : 0;
      if (bar) bar.value = Math.floor(part * 1000);
      if (long) long.textContent = `${now.done.toLocaleString("en")} of ${now.total.toLocaleString("en")} bytes`;
      if (short) short.textContent = `Checking: ${Math.floor(part * 100)} %`;
      setTimeout(ask, 700);
    } else if (long) {
      location.reload();
    } else {
      short.textContent = now.stage === "done" ? "Checked meanwhile: reload the page" : "It could not be checked";
    }
  };
  ask();
})();
