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
