// Stop has two ways: a message, which a process that awaits takes at once, and an interrupt, which is what reaches code
// that holds the main thread.

const HEARD_MS = 300;

function pageConfig() {
  const element = document.getElementById("jupyter-config-data");
  return element ? JSON.parse(element.textContent) : {};
}

function cookie(name) {
  return document.cookie
    .split("; ")
    .find((pair) => pair.startsWith(`${name}=`))
    ?.slice(name.length + 1);
}

async function interruptByServer(kernelId) {
  const { baseUrl = "/", token } = pageConfig();
  const headers = {
    ...(token && { Authorization: `token ${token}` }),
    ...(cookie("_xsrf") && { "X-XSRFToken": cookie("_xsrf") }),
  };
  const url = new URL(
    `${baseUrl.replace(/\/?$/, "/")}api/kernels/${encodeURIComponent(kernelId)}/interrupt`,
    location.href,
  );
  const answer = await fetch(url, { method: "POST", headers, credentials: "same-origin" });
  if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
}

async function interrupt(model, kernelId) {
  const kernel = model.widget_manager?.kernel ?? model.widget_manager?.context?.sessionContext?.session?.kernel;
  if (kernel?.interrupt) return kernel.interrupt();
  if (kernelId) return interruptByServer(kernelId);
  throw new Error("this page has no way to it");
}

/** Stop now: the message first, and the interrupt if nothing hears it. */
export async function stop(p) {
  const ticket = p.send({ verb: "stop" });
  await new Promise((done) => setTimeout(done, HEARD_MS));
  if (!p.unheard.has(ticket)) return;
  try {
    await interrupt(p.model, p.view.kernel_id);
    await new Promise((done) => setTimeout(done, 1000));
    if (p.unheard.has(ticket)) p.set({ note: "Stop was sent. One long call in C ends only when it returns." });
  } catch (error) {
    p.set({
      note: `Stop did not reach the kernel (${error.message}). Interrupt it from the menu, or press I I in command mode.`,
    });
  }
}
