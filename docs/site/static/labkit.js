// Formulas, and a way to reach by keyboard what scrolls sideways.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  if (window.katex)
    for (const e of document.querySelectorAll(".math"))
      katex.render(e.textContent, e, { displayMode: e.tagName === "DIV", throwOnError: false, strict: "ignore" });
  const reach = () => {
    for (const e of document.querySelectorAll("pre, .table-wrapper, div.math, .output, dt.sig"))
      if (e.scrollWidth > e.clientWidth + 1) e.tabIndex = 0;
  };
  reach();
  window.addEventListener("load", reach);
  window.addEventListener("resize", reach);
});
