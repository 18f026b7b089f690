// What a click opens may only be on the page after its rerun.
function showPlace(key, attempts) {
  const place = document.querySelector(`.st-key-${key}`);
  if (place) place.scrollIntoView({ behavior: "smooth", block: "start" });
  else if (attempts) setTimeout(() => showPlace(key, attempts - 1), 100);
}

// The drawing takes colour and font from the page around it, so that a change of theme needs no message.
export default (component) => {
  const { svg, clickable, scrollTo } = component.data;
  const section = component.parentElement.querySelector("section");
  const drawn = document.importNode(new DOMParser().parseFromString(svg, "image/svg+xml").documentElement, true);
  section.replaceChildren(drawn);
  if (!clickable) return;
  for (const box of drawn.querySelectorAll("[data-layer]")) {
    const open = () => {
      component.setTriggerValue("layer", box.dataset.layer);
      showPlace(scrollTo, 50);
    };
    box.setAttribute("tabindex", "0");
    box.setAttribute("role", "button");
    box.setAttribute("aria-label", `Open ${box.dataset.layer}`);
    box.onclick = open;
    box.onkeydown = (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      open();
    };
  }
};
