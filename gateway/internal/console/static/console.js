// Keeps the clocks running and the queue fresh. The page works without it; with it, nobody has to press "reload" at night.
"use strict";
(() => {
  const body = document.body;
  // The server's clock, not this computer's: a wrong clock on a desk must not hide a breach.
  let skew = Number(body.dataset.now) - Date.now();
  const now = () => Date.now() + skew;
  const two = (n) => String(n).padStart(2, "0");

  // As leftText in text.go.
  const span = (ms) => {
    const s = Math.floor(ms / 1000);
    if (s < 3600) return two(Math.floor(s / 60)) + ":" + two(s % 60);
    if (s < 86400) return Math.floor(s / 3600) + " giờ " + two(Math.floor(s / 60) % 60) + " phút";
    return Math.floor(s / 86400) + " ngày " + (Math.floor(s / 3600) % 24) + " giờ";
  };
  const tick = () => {
    for (const e of document.querySelectorAll("[data-breach]")) {
      const left = Number(e.dataset.breach) - now();
      const [word, rest] = e.children;
      const text = left <= 0 ? span(-left) : span(left + 999);
      if (rest.textContent !== text) rest.textContent = text;
      if (left <= 0 && word.textContent !== "quá hạn") word.textContent = "quá hạn";
      e.classList.toggle("over", left <= 0);
    }
  };
  tick();
  setInterval(tick, 1000);

  const address = body.dataset.renew;
  if (!address) return;

  // Only what a person does keeps the session alive, not the renewing itself.
  let active = false;
  for (const kind of ["pointerdown", "keydown", "wheel"]) addEventListener(kind, () => { active = true; }, { passive: true });

  const offline = document.getElementById("offline");
  const say = (text) => {
    offline.textContent = text;
    offline.hidden = text === "";
  };
  const title = document.title.replace(/^\(\d+ quá hạn\) /, "");
  let last = Date.now();
  let known = null;

  const apply = (text) => {
    const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("queue");
    if (!fresh) throw new Error("no queue");
    skew = Number(fresh.dataset.now) - Date.now();
    const unread = Number(fresh.dataset.unread);
    const alarm = document.getElementById("alarm");
    alarm.hidden = unread === 0;
    document.getElementById("alarm-count").textContent = unread;
    document.title = (unread ? "(" + unread + " quá hạn) " : "") + title;

    const old = document.getElementById("queue");
    if (!old) return;
    const numbers = [...fresh.querySelectorAll("[data-case-number]")].map((e) => e.dataset.caseNumber);
    if (known) {
      const came = numbers.filter((n) => !known.has(n)).length;
      if (came) document.getElementById("news").textContent = "Có " + came + " hồ sơ mới trong hàng đợi.";
    }
    known = new Set(numbers);
    // Nothing is touched while nothing changed, so that a selection or a screen reader is left alone.
    if (shape(old) === shape(fresh)) return;
    const row = document.activeElement && document.activeElement.closest("#queue [data-case-number]");
    const held = row && row.dataset.caseNumber;
    old.replaceWith(fresh);
    if (held) {
      const link = document.querySelector('#queue [data-case-number="' + CSS.escape(held) + '"] a.number');
      if (link) link.focus({ preventScroll: true });
    }
    tick();
  };
  // The queue's text without its running clocks.
  const shape = (e) => {
    const c = e.cloneNode(true);
    c.removeAttribute("data-now");
    for (const k of c.querySelectorAll("[data-breach]")) {
      k.textContent = "";
      k.className = "";
    }
    return c.outerHTML;
  };

  const renew = async () => {
    const did = active;
    active = false;
    try {
      const answer = await fetch(address, {
        headers: did ? { "X-Active": "1" } : {},
        redirect: "manual",
        cache: "no-store",
        signal: AbortSignal.timeout(8000),
      });
      if (answer.type === "opaqueredirect" || answer.status === 401) {
        // Logged out. A page that no longer renews must not look as if it did, nor leave words on the screen.
        location.replace("/login?next=" + encodeURIComponent(location.pathname));
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      apply(await answer.text());
      last = Date.now();
      say("");
    } catch {
      active = active || did;
      const s = Math.round((Date.now() - last) / 1000);
      if (s >= 20) say("Mất liên lạc với máy chủ đã " + (s < 60 ? s + " giây" : Math.floor(s / 60) + " phút") + ": danh sách và đồng hồ có thể đã cũ. Hãy kiểm tra mạng; việc khẩn cấp tiếp nhận qua tổng đài 111.");
    }
  };
  const first = document.getElementById("queue");
  if (first) known = new Set([...first.querySelectorAll("[data-case-number]")].map((e) => e.dataset.caseNumber));
  setInterval(renew, 10000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) renew(); });
})();
