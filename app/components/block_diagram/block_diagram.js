// What a click opens may only be on the page after its rerun, and moves while what is above it is drawn.
function showPlace(key, attempts, seenAt) {
  const place = document.querySelector(`.st-key-${key}`);
  const top = document.querySelector('[data-testid="stMainBlockContainer"]').getBoundingClientRect().top;
  const at = place ? Math.round(place.getBoundingClientRect().top - top) : seenAt;
  if (at !== seenAt) place.scrollIntoView({ behavior: "smooth", block: "start" });
  if (attempts) setTimeout(() => showPlace(key, attempts - 1, at), 100);
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
