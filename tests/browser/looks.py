"""What scripts in the page tell of its looks."""

from __future__ import annotations

COLORS = """
(canvas) => {
    const copy = new OffscreenCanvas(canvas.width, canvas.height);
    const context = copy.getContext("2d", {willReadFrequently: true});
    context.drawImage(canvas, 0, 0);
    const {data} = context.getImageData(0, 0, canvas.width, canvas.height);
    const colors = new Set(new Uint32Array(data.buffer));
    return {colors: colors.size, width: canvas.width, height: canvas.height};
}
"""
"""How many colors a canvas shows, and its dots."""
CORNER = """
(canvas) => {
    const copy = new OffscreenCanvas(1, 1).getContext("2d");
    copy.drawImage(canvas, 2 - canvas.width, -2);
    return [...copy.getImageData(0, 0, 1, 1).data];
}
"""
"""The color of a canvas near its upper right corner."""
WORDS = """
(root) => [...root.querySelectorAll(".word")].map((word) => [word.textContent, word.title])
"""
"""Committed words and what their titles say."""
BENEATH = """
(root) => [...root.querySelectorAll(":scope > .river-word")].map((word) => {
    const {left, right, top, bottom} = word.getBoundingClientRect();
    return [word.textContent, {left, right, top, bottom}];
})
"""
"""Committed words beneath the spectrogram, and where they are."""
CONTRAST = """
(texts) => {
    const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
    const light = (rgb) => {
        const [r, g, b] = rgb.map((value) => {
            const part = value / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => {
        const [r, g, b, a = 1] = numbers(getComputedStyle(element).backgroundColor);
        return a === 1 ? [r, g, b] : behind(element.parentElement);
    };
    return texts.map((element) => {
        const {color, opacity} = getComputedStyle(element);
        const ground = behind(element);
        const text = numbers(color).slice(0, 3).map(
            (value, i) => value * opacity + ground[i] * (1 - opacity));
        const [a, b] = [light(text), light(ground)];
        return [element.textContent.trim(), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
    });
}
"""
"""Texts of elements and their contrast, as WCAG counts it."""
OUTSIDE = """
() => [document.documentElement, ...document.querySelectorAll("body *")]
    .filter((each) => each.checkVisibility())
    .filter((each) => !each.closest(".river, .aloud, svg, summary"))
    .filter((each) => {
        const {left, right, width} = each.getBoundingClientRect();
        return width > 0 && (left < 0 || right > innerWidth + 0.5);
    })
    .map((each) => each.outerHTML.slice(0, 80))
"""
"""Elements that leave the window sideways, but for the sound that flows out of it."""
