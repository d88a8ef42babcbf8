// The container that JupyterLab loads as a classic script: it hands Lab's own shared modules to plain ES modules, so
// that nothing is bundled. Lab asks a federated extension for `init(scope)` and `get(module)` and for no more.
{
  const base = document.currentScript.src;
  let scope;

  const newest = (versions) =>
    Object.keys(versions).sort((a, b) => a.localeCompare(b, undefined, { numeric: true })).at(-1);

  const shared = async (name) => {
    const versions = scope[name];
    if (!versions) throw new Error(`JupyterLab shares no ${name}`);
    return (await versions[newest(versions)].get())();
  };

  (globalThis._JUPYTERLAB ??= {})["llmos_nb"] = {
    init: (given) => {
      scope = given;
    },
    get: async () => {
      const { plugins } = await import(new URL("plugin.js", base));
      const made = await plugins(shared);
      return () => ({ __esModule: true, default: made });
    },
  };
}
