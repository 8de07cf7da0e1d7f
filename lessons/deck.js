// Starts the deck, and makes a slide's text smaller where this machine's fonts are too large for it.
(function () {
  function fit(slide) {
    const room = slide && slide.querySelector(".room");
    if (!room) return;
    room.style.zoom = 1;
    for (let zoom = 0.95; slide.scrollHeight > 720 && zoom > 0.5; zoom -= 0.05) {
      room.style.zoom = zoom;
    }
  }
  Reveal.initialize({
    width: 1280, height: 720, margin: 0, center: false, hash: true, slideNumber: "c/t",
    transition: "none", plugins: [RevealNotes],
  }).then(function () { fit(Reveal.getCurrentSlide()); });
  Reveal.on("slidechanged", function (event) { fit(event.currentSlide); });
})();
