"""What is really drawn: places of a colour within a part of the page, as a visitor would point at them."""

from __future__ import annotations

import base64
from typing import Any

from playwright.sync_api import Page

#: Finds pixels near a colour and puts those that touch together: the middle and size of each heap.
_HEAPS = """async ([picture, colour, near]) => {
  const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const fits = new Uint8Array(width * height);
  for (let k = 0; k < fits.length; k += 1) {
    fits[k] = colour.every((part, c) => Math.abs(part - data[4 * k + c]) <= near) ? 1 : 0;
  }
  const heaps = [];
  for (let k = 0; k < fits.length; k += 1) {
    if (!fits[k]) continue;
    const todo = [k];
    const heap = { x: 0, y: 0, n: 0 };
    fits[k] = 0;
    while (todo.length) {
      const at = todo.pop();
      heap.x += at % width;
      heap.y += Math.floor(at / width);
      heap.n += 1;
      for (const next of [at - 1, at + 1, at - width, at + width]) {
        if (fits[next]) { fits[next] = 0; todo.push(next); }
      }
    }
    heaps.push({ x: heap.x / heap.n, y: heap.y / heap.n, n: heap.n });
  }
  return heaps;
}"""


def heaps_of(
    page: Page, selector: str, colour: tuple[int, int, int], least: int = 40
) -> list[dict[str, Any]]:
    """Connected heaps of at least so many pixels of a colour within an element; x, y are the page's."""
    where = page.locator(selector)
    box = where.bounding_box()
    assert box is not None, f"{selector} is not in sight"
    picture = base64.b64encode(where.screenshot()).decode()
    found = page.evaluate(_HEAPS, [picture, list(colour), 24])
    return [{**heap, "x": box["x"] + heap["x"], "y": box["y"] + heap["y"]} for heap in found]
