"use strict";
// HTML from /live replaces elements in place; order changes when asked.
(() => {
  const byId = (id) => document.getElementById(id);
  const badge = byId("live");
  if (!badge || !window.EventSource) return;
  const words = badge.dataset, find = (selector) => badge.querySelector(selector), order = byId("order");
  const voice = document.createElement("span"), show = document.createElement("button"), held = new Map();
  let source, paused, at = words.at, spoken = 0;
  voice.className = "vh";
  voice.setAttribute("role", "status");
  show.className = "held";
  show.hidden = true;
  show.textContent = words.wHeld;
  show.onclick = () => {
    held.forEach((next, id) => put(byId(id), next));
    held.clear();
    show.hidden = true;
  };
  badge.after(show, voice);

  function state(name) {
    words.state = name;
    find(".word").textContent = { live: words.wLive, paused: words.wPaused }[name] || words.wLost.replace("{time}", at.slice(0, 5));
    find(".ago").textContent = name === "live" ? at : "";
  }
  function busy(el) {
    const focus = document.activeElement;
    return (el.contains(focus) && focus.matches("input,select,button,summary")) || el.querySelector("details[open] form") ||
      [...el.querySelectorAll("input")].some((i) => i.value !== i.defaultValue);
  }
  const value = (el) => (el.matches("[data-row]") ? el : el.querySelector(".fig"));
  function put(el, next) {
    if (!el) return;
    const focus = document.activeElement, href = el.contains(focus) && focus.getAttribute("href");
    el.querySelectorAll("details[open]").forEach((open) => {
      const same = next.querySelector("#" + open.id);
      if (same) same.open = true;
    });
    el.replaceWith(next);
    const was = value(el), is = value(next);
    if (was && is && was.textContent !== is.textContent) {
      is.classList.add("fresh");
      setTimeout(() => is.classList.remove("fresh"), 2000);
    }
    const link = href && [...next.querySelectorAll("a")].find((a) => a.getAttribute("href") === href);
    if (link) link.focus();
    if (Date.now() - spoken > 1e4) {
      spoken = Date.now();
      voice.textContent = words.wSaid + " " + at;
    }
  }
  function fragment({ id, html }) {
    const el = byId(id), holder = document.createElement("template");
    if (!el) return;
    holder.innerHTML = html;
    const next = holder.content.firstElementChild, now = el.cloneNode(true);
    [now, ...now.querySelectorAll(".fresh,details")].forEach((each) => {
      each.classList.remove("fresh");
      each.open = false;
    });
    if (now.isEqualNode(next)) return;
    if (busy(el)) {
      held.set(id, next);
      show.hidden = false;
    } else put(el, next);
  }
  function moved(before, after) {
    const places = before.map((id) => after.indexOf(id)).filter((place) => place >= 0), best = [];
    places.forEach((place, i) => { best[i] = 1 + Math.max(0, ...best.filter((_, j) => places[j] < place)); });
    return Math.max(before.length, after.length) - Math.max(0, ...best);
  }
  function ordered({ ids }) {
    const had = [...document.querySelectorAll("[data-order]>[id]")].map((el) => el.id), n = moved(had, ids);
    if (!order) return;
    if (n && !had.length) location.reload();
    order.hidden = !n;
    order.textContent = n === 1 ? words.wOrderOne : words.wOrder.replace("{n}", n);
  }
  function told(data) {
    if (data.live) at = data.at;
    state(data.live ? "live" : "lost");
  }
  function open() {
    source = new EventSource(words.live);
    Object.entries({ fragment, order: ordered, state: told }).forEach(([kind, take]) =>
      source.addEventListener(kind, (event) => take(JSON.parse(event.data))));
    source.onerror = () => {
      state("lost");
      if (source.readyState === 2) setTimeout(open, 5000);
    };
  }
  document.addEventListener("kizashi:pause", () => {
    paused = !paused;
    source.close();
    if (paused) state("paused"); else open();
  });
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  open();
})();
