"use strict";
// The connection of an open page, and its badge. What comes is handed on as kizashi:fragment, :order and :over.
(() => {
  const badge = document.getElementById("live");
  if (!badge || !window.EventSource) return;
  const words = badge.dataset, find = (selector) => badge.querySelector(selector);
  let source, timer, paused = false, failed = 0;

  function state(name) {
    const word = { live: words.wLive, paused: words.wPaused, stopped: words.wStopped }[name] || words.wLost;
    words.state = name;
    find(".word").textContent = word.replace("{time}", words.at.slice(0, 5));
    find(".ago").textContent = name === "live" ? words.at : "";
  }
  function told({ live, at }) {
    failed = 0;
    if (live) words.at = at;
    state(live ? "live" : "lost");
  }
  function close() {
    clearTimeout(timer);
    if (source) source.close();
  }
  function lost() {
    state("lost");
    // 2: refused, so the browser does not try again by itself; a session that is over is refused for ever
    if (source.readyState !== 2) return;
    failed += 1;
    if (failed < 3) timer = setTimeout(open, 5000);
    else state("stopped");
  }
  // A browser opens six streams a host and no more, in all its tabs: one that nobody sees gives its place away.
  function open() {
    close();
    if (paused || document.hidden) return;
    source = new EventSource(words.live);
    source.onerror = lost;
    source.addEventListener("state", (event) => told(JSON.parse(event.data)));
    ["fragment", "order", "over"].forEach((kind) => source.addEventListener(kind, (event) => {
      if (kind === "over") { close(); state("stopped"); }
      document.dispatchEvent(new CustomEvent("kizashi:" + kind, { detail: JSON.parse(event.data) }));
    }));
  }
  function begin() {
    failed = 0;
    open();
  }
  document.addEventListener("visibilitychange", begin);
  document.addEventListener("kizashi:pause", () => {
    paused = !paused;
    begin();
    if (paused) state("paused");
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  open();
})();
