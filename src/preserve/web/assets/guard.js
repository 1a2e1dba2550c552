// The service worker of one replay: the player's own, with every answer of it put under the policy of this frame.
"use strict";
const CONFINED = __CONFINED__;
const EMPTY = new Set([101, 204, 205, 304]);
const OUTWARD = ["Link", "Refresh", "Report-To", "Reporting-Endpoints", "NEL", "Content-Security-Policy-Report-Only"];
const confined = (answer) => {
  if (!(answer instanceof Response) || answer.status < 200) return answer;
  const headers = new Headers(answer.headers);
  for (const name of OUTWARD) headers.delete(name);
  for (const [name, value] of Object.entries(CONFINED)) headers.set(name, value);
  const body = EMPTY.has(answer.status) ? null : answer.body;
  return new Response(body, { status: answer.status, statusText: answer.statusText, headers });
};
if (self.FetchEvent) {  // the player runs this file as a plain worker too
  const respond = FetchEvent.prototype.respondWith;
  FetchEvent.prototype.respondWith = function (answer) {
    // Opened by itself, in a tab, a replayed page would have no frame around it that keeps it in.
    const alone = this.request.destination === "document";
    return respond.call(this, alone ? new Response(null, { status: 403 }) : Promise.resolve(answer).then(confined));
  };
}
importScripts("player.js");
