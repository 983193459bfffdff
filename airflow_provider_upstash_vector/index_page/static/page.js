"use strict";
// The pages work without this script. It needs no state, and sends no requests of its own.

// In Airflow's frame: its theme, and links that leave the frame, which the frame's sandbox blocks.
function parentDocument() {
  try {
    return window.parent === window ? null : window.parent.document;
  } catch {
    return null; // a page of another origin
  }
}

const frame = parentDocument();

function followTheme() {
  const root = frame.documentElement;
  const dark = root.classList.contains("dark") || root.dataset.theme === "dark";
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}

if (frame) {
  followTheme();
  new MutationObserver(followTheme).observe(frame.documentElement, { attributes: true });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[target=_top]");
  if (!frame || !link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const outer = frame.createElement("a");
  outer.href = link.href;
  frame.body.append(outer);
  outer.click();
  outer.remove();
});

document.addEventListener("keydown", (event) => {
  const search = document.getElementById("q") ?? document.getElementById("connection_id");
  if (event.key !== "/" || !search || event.target.closest("input, textarea, select")) return;
  event.preventDefault();
  search.focus();
  search.select();
});

// A long vector does not fit into a URL.
document.addEventListener("submit", (event) => {
  const search = event.target.elements.namedItem("q");
  if (search && search.value.length > 1000) event.target.method = "post";
});
