"use strict";
// The order of a list that live.js hears: rows move only when asked, and those that left the list say so.
(() => {
  const badge = document.getElementById("live"), order = document.getElementById("order");
  if (!badge || !order) return;
  const words = badge.dataset;
  let listed = null;

  function mark(row) {
    const left = !listed.includes(row.id), link = row.querySelector("a");
    row.querySelectorAll(".gone").forEach((each) => each.remove());
    row.classList.toggle("left", left);
    if (!left || !link) return;
    const word = document.createElement("span");
    word.className = "tag gone";
    word.textContent = words.wLeft;
    link.after(word);
  }
  function moved(before, after) {
    const places = before.map((id) => after.indexOf(id)).filter((place) => place >= 0), best = [];
    places.forEach((place, i) => { best[i] = 1 + Math.max(0, ...best.filter((_, j) => places[j] < place)); });
    return Math.max(before.length, after.length) - Math.max(0, ...best);
  }
  document.addEventListener("kizashi:order", ({ detail: { ids } }) => {
    const rows = [...document.querySelectorAll("[data-order]>[id]")], n = moved(rows.map((row) => row.id), ids);
    listed = ids;
    rows.forEach(mark);
    order.hidden = !n || !rows.length;
    order.textContent = n === 1 ? words.wOrderOne : words.wOrder.replace("{n}", n);
    // an empty list has no rows to replace: the page is over, as if the server had said so
    if (n && !rows.length) document.dispatchEvent(new CustomEvent("kizashi:over"));
  });
  document.addEventListener("kizashi:put", ({ detail: row }) => {
    if (listed && row.matches("[data-order]>[id]")) mark(row);
  });
})();
