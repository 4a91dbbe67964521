// What a page has to do to be a way out for cliproxy: run it in an app of AI Studio, or in any page whose `fetch` has the
// session that the requests need. It needs a browser of our days and nothing else.
//
//   relay("wss://proxy.example/v1/ws?key=<client key>");
//
// `fetch` may be another one, for pages that reach their service by other means.
function relay(address, fetch = globalThis.fetch) {
  const MAX_BUFFERED = 1 << 20;
  const MAX_WAIT = 60_000;
  let wait = 1_000;

  async function perform(socket, id, request) {
    const say = async (type, payload) => {
      // The socket takes everything at once: what the server has not taken yet must not pile up here.
      while (socket.bufferedAmount > MAX_BUFFERED && socket.readyState === WebSocket.OPEN) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ id, type, payload }));
    };
    try {
      const headers = new Headers();
      for (const [name, values] of Object.entries(request.headers ?? {})) {
        for (const value of values) headers.append(name, value);
      }
      const bare = request.method === "GET" || request.method === "HEAD";
      const reply = await fetch(request.url, {
        method: request.method,
        headers,
        body: bare ? undefined : request.body,
      });
      const head = { status: reply.status, headers: Object.fromEntries(reply.headers) };
      if (!request.url.includes(":stream") || !reply.body) {
        await say("http_response", { ...head, body: await reply.text() });
        return;
      }
      await say("stream_start", head);
      // `stream: true`: a character that is cut in two waits for its other half.
      const decoder = new TextDecoder();
      const reader = reply.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        const data = done ? decoder.decode() : decoder.decode(value, { stream: true });
        if (data) await say("stream_chunk", { data });
        if (done) break;
        if (socket.readyState !== WebSocket.OPEN) return void reader.cancel();
      }
      await say("stream_end", {});
    } catch (error) {
      await say("error", { error: String(error?.message ?? error) });
    }
  }

  function connect() {
    const socket = new WebSocket(address);
    socket.onopen = () => { wait = 1_000; };
    socket.onmessage = ({ data }) => {
      const { id, type, payload } = JSON.parse(data);
      if (type === "http_request") void perform(socket, id, payload);
    };
    socket.onclose = ({ code, reason }) => {
      console.warn(`the relay is closed (${code}${reason && `, ${reason}`}): again in ${wait / 1000} s`);
      setTimeout(connect, wait);
      wait = Math.min(2 * wait, MAX_WAIT);
    };
  }
  connect();
}
