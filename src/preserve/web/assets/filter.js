(() => {
  "use strict";
  const form = document.getElementById("filters");
  if (!form) return;
  const rows = [...document.querySelectorAll("tr.row")];
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const said = document.getElementById("shown");
  const show = () => {
    const state = form.elements.state.value;
    const from = form.elements.document.value;
    const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    rows.forEach((row, at) => {
      const fits = (!state || row.dataset.state === state) && (!from || row.dataset.document === from) &&
        words.every((word) => texts[at].includes(word));
      row.hidden = !fits;
      count += fits;
    });
    for (const body of document.querySelectorAll("table.rows tbody")) {
      body.hidden = !body.querySelector("tr.row:not([hidden])");
    }
    said.textContent = count === rows.length ? "" : `${count} of ${rows.length} shown`;
  };
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  show();
})();
