"use strict";
// What live.js hears, put in place: an element is replaced, unless somebody writes in it.
(() => {
  const byId = (id) => document.getElementById(id);
  const badge = byId("live");
  if (!badge) return;
  const words = badge.dataset, held = new Map();
  const voice = document.createElement("span"), show = document.createElement("button");
  let spoken = 0, over = false;
  voice.className = "vh";
  voice.setAttribute("role", "status");
  show.className = "held";
  show.hidden = true;
  show.textContent = words.wHeld;
  show.onclick = () => {
    if (over) location.reload();
    else held.forEach((next, id) => put(id, next));
  };
  badge.after(show, voice);

  const all = (el, selector) => [...el.querySelectorAll(selector)];
  const fields = (el) => all(el, "input:not([type=hidden]),select,textarea");
  function changed(field) {
    if (!field.matches("select")) return field.value !== field.defaultValue;
    return field.selectedIndex !== Math.max(0, [...field.options].findIndex((each) => each.defaultSelected));
  }
  function twin(field, next) {
    const form = field.form && field.form.getAttribute("action"), { id, name } = field;
    return fields(next).find((each) => (id ? each.id === id
      : each.name === name && each.form && each.form.getAttribute("action") === form));
  }
  function busy(el) {
    const focus = document.activeElement;
    return (el.contains(focus) && focus.matches("input,select,textarea,button,summary")) ||
      el.querySelector("details[open] form") || fields(el).some(changed);
  }
  function anew() {
    over = fields(document).some((each) => each === document.activeElement || changed(each));
    if (over) show.hidden = false;
    else location.reload();
  }
  function drop(id) {
    held.delete(id);
    show.hidden = !over && !held.size;
  }
  const value = (el) => (el.matches("[data-row]") ? el : el.querySelector(".fig"));
  function put(id, next) {
    const el = byId(id);
    drop(id);
    if (!el) return;
    const focus = document.activeElement, href = el.contains(focus) && focus.getAttribute("href");
    all(el, "details[open]").forEach((each) => {
      const same = all(next, "details").find(({ id }) => id === each.id);
      if (same) same.open = true;
    });
    fields(el).filter(changed).forEach((each) => {
      const same = twin(each, next);
      if (same) same.value = each.value;
    });
    const was = value(el), is = value(next);
    if (was && is && was.textContent !== is.textContent) {
      is.classList.add("fresh");
      setTimeout(() => is.classList.remove("fresh"), 2000);
    }
    el.replaceWith(next);
    document.dispatchEvent(new CustomEvent("kizashi:put", { detail: next }));
    const link = href && all(next, "a").find((a) => a.getAttribute("href") === href);
    if (link) link.focus();
    if (Date.now() - spoken > 1e4) {
      spoken = Date.now();
      voice.textContent = words.wSaid + " " + words.at;
    }
  }
  function fragment({ id, html }) {
    const el = byId(id), holder = document.createElement("template");
    if (!el) return;
    holder.innerHTML = html;
    const next = holder.content.firstElementChild, now = el.cloneNode(true);
    all(now, ".gone").forEach((each) => each.remove());
    [now, ...all(now, ".fresh,details")].forEach((each) => {
      each.classList.remove("fresh", "left");
      each.open = false;
    });
    if (now.isEqualNode(next)) drop(id);
    else if (busy(el)) {
      held.set(id, next);
      show.hidden = false;
    } else put(id, next);
  }
  document.addEventListener("kizashi:fragment", (event) => fragment(event.detail));
  document.addEventListener("kizashi:over", anew);
})();
