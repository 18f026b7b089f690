// The drawing takes colour and font from the page around it, so that a change of theme needs no message.
export default (component) => {
  const section = component.parentElement.querySelector("section");
  const drawn = new DOMParser().parseFromString(component.data.svg, "image/svg+xml").documentElement;
  section.replaceChildren(document.importNode(drawn, true));
};
