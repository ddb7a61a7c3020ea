import { effect } from "@preact/signals";
import { render } from "preact";
import { listen } from "./keys";
import { start } from "./start";
import * as state from "./state";
import "./style/base.css";
import "./style/panel.css";
import "./style/map.css";
import { Detail } from "./ui/Detail";
import { MapArea } from "./ui/MapArea";
import { Overlays } from "./ui/Overlays";
import { Panel } from "./ui/Panel";

effect(() => {
  document.documentElement.dataset.theme = state.dark.value ? "dark" : "light";
  localStorage.setItem("geoglot.theme", state.theme.value);
  localStorage.setItem("geoglot.keys", state.keysOn.value ? "on" : "off");
});

function Page() {
  return (
    <>
      <Panel />
      <MapArea />
      {state.current.value && <Detail hit={state.current.value} />}
      <Overlays />
    </>
  );
}

render(<Page />, document.getElementById("app")!);
listen();
start();
