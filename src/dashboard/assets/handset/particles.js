// Scenes of many small things on a canvas: confetti, balloons, fireworks, celebration, lasers. A scene is a length in
// seconds and a function that is given the size and answers how to draw each moment.

const COLOURS = ["#ff3b5c", "#ff9f0a", "#ffd60a", "#30d158", "#40c8ff", "#5e5ce6", "#bf5af2"];
const TURN = Math.PI * 2;

const between = (low, high) => low + Math.random() * (high - low);
const one = (list) => list[Math.floor(Math.random() * list.length)];
const many = (count, make) => Array.from({ length: count }, (_, index) => make(index));

/** Plays a scene on `canvas`; the promise is kept when it is over or the canvas is gone. */
export function perform(canvas, { seconds, set, leavesTrails }) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const sharp = Math.min(devicePixelRatio, 2);
  [canvas.width, canvas.height] = [width * sharp, height * sharp];
  const pen = canvas.getContext("2d");
  pen.scale(sharp, sharp);
  const draw = set(width, height, seconds);
  return new Promise((done) => {
    const began = performance.now();
    let before = began;
    const frame = (now) => {
      const time = (now - began) / 1000;
      if (time >= seconds || !canvas.isConnected) return done();
      if (!leavesTrails) pen.clearRect(0, 0, width, height);
      draw(pen, Math.max(time, 0), Math.min((now - before) / 1000, 0.05));
      before = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
}

function confetti(width, height) {
  const papers = many(260, () => ({
    x: between(0, width), y: between(-height, -10), fall: between(150, 330), sway: between(10, 40), phase: between(0, TURN),
    spin: between(2, 9), size: between(6, 11), colour: one(COLOURS), isRound: Math.random() < 0.25,
  }));
  return (pen, time, step) => {
    for (const paper of papers) {
      paper.y += paper.fall * step;
      pen.save();
      pen.translate(paper.x + Math.sin(time * 2 + paper.phase) * paper.sway, paper.y);
      pen.rotate(paper.phase + time * paper.spin * 0.5);
      pen.scale(1, Math.cos(time * paper.spin + paper.phase));
      pen.fillStyle = paper.colour;
      if (paper.isRound) {
        pen.beginPath();
        pen.arc(0, 0, paper.size / 2, 0, TURN);
        pen.fill();
      } else pen.fillRect(-paper.size / 2, -paper.size / 4, paper.size, paper.size / 2);
      pen.restore();
    }
  };
}

function balloon(pen, { x, y, size, colour }, lean) {
  pen.save();
  pen.translate(x, y);
  pen.rotate(lean * 0.12);
  pen.strokeStyle = "rgb(120 120 130 / .6)";
  pen.beginPath();
  pen.moveTo(0, size * 1.25);
  pen.bezierCurveTo(lean * 8, size * 1.7, -lean * 10, size * 2.2, lean * 6, size * 2.9);
  pen.stroke();
  const shine = pen.createRadialGradient(-size * 0.35, -size * 0.45, size * 0.1, 0, 0, size * 1.3);
  shine.addColorStop(0, "#fffc");
  shine.addColorStop(0.25, colour);
  shine.addColorStop(1, colour);
  pen.globalAlpha = 0.93;
  pen.fillStyle = shine;
  pen.beginPath();
  pen.ellipse(0, 0, size, size * 1.22, 0, 0, TURN);
  pen.fill();
  pen.fillStyle = colour;
  pen.beginPath();
  pen.moveTo(0, size * 1.15);
  pen.lineTo(-size * 0.14, size * 1.36);
  pen.lineTo(size * 0.14, size * 1.36);
  pen.fill();
  pen.restore();
}

function balloons(width, height) {
  const crowd = many(16, () => ({
    x: between(0, width), y: height + between(60, height * 1.1), rise: between(240, 360), size: between(26, 44),
    phase: between(0, TURN), colour: one(COLOURS),
  }));
  crowd.sort((a, b) => a.size - b.size);
  return (pen, time, step) => {
    for (const one of crowd) {
      one.y -= one.rise * step;
      const lean = Math.sin(time * 1.6 + one.phase);
      balloon(pen, { ...one, x: one.x + lean * 14 }, lean);
    }
  };
}

function fireworks(width, height, seconds) {
  const rockets = many(9, (index) => {
    const colour = one(COLOURS);
    const spark = () => ({ way: between(0, TURN), speed: between(0.15, 1) ** 0.5 * between(90, 190) });
    return { at: 0.15 + index * ((seconds - 1.9) / 9), x: between(width * 0.15, width * 0.85), y: between(height * 0.12, height * 0.5), colour, sparks: many(70, spark) };
  });
  return (pen, time) => {
    pen.globalCompositeOperation = "destination-out";
    pen.fillStyle = "rgb(0 0 0 / .22)";
    pen.fillRect(0, 0, width, height);
    pen.globalCompositeOperation = "lighter";
    for (const { at, x, y, colour, sparks } of rockets) {
      const age = time - at;
      if (age > -0.45 && age < 0) {
        pen.fillStyle = "#ffe9b0";
        pen.fillRect(x - 1, y - (age / 0.45) * (height - y), 2.4, 9);
      }
      if (age < 0 || age > 1.7) continue;
      const reach = (1 - Math.exp(-2.6 * age)) / 1.7;
      pen.globalAlpha = Math.max(0, 1 - age / 1.7) ** 0.7;
      for (const [index, { way, speed }] of sparks.entries()) {
        pen.fillStyle = index % 5 ? colour : "#fff";
        const size = 2.6 - age;
        pen.fillRect(x + Math.cos(way) * speed * reach, y + Math.sin(way) * speed * reach + 46 * age * age, size, size);
      }
      pen.globalAlpha = 1;
    }
  };
}

function star(pen, x, y, size) {
  pen.beginPath();
  pen.moveTo(x, y - size);
  for (const [far, near] of [[[size, 0], [0.18, -0.18]], [[0, size], [0.18, 0.18]], [[-size, 0], [-0.18, 0.18]], [[0, -size], [-0.18, -0.18]]]) {
    pen.quadraticCurveTo(x + near[0] * size, y + near[1] * size, x + far[0], y + far[1]);
  }
  pen.fill();
}

function celebration(width, height, seconds) {
  const stars = many(230, () => ({
    at: between(0, seconds - 1.8), way: between(Math.PI * 0.52, Math.PI * 0.98), speed: between(0.35, 1.25), size: between(2, 7),
    colour: one(["#ffd75e", "#ffb21e", "#fff3c4", "#ff8f1f"]), phase: between(0, TURN),
  }));
  return (pen, time) => {
    pen.globalCompositeOperation = "lighter";
    for (const { at, way, speed, size, colour, phase } of stars) {
      const age = time - at;
      if (age < 0 || age > 1.8) continue;
      const far = speed * height * 0.75 * (1 - Math.exp(-1.5 * age));
      pen.globalAlpha = Math.max(0, 1 - age / 1.8) * (0.55 + 0.45 * Math.sin(age * 14 + phase));
      pen.fillStyle = colour;
      star(pen, width + 8 + Math.cos(way) * far, 40 + Math.sin(way) * far + 110 * age * age, size);
    }
    pen.globalAlpha = 1;
  };
}

function lasers(width, height, seconds) {
  const beams = many(12, (index) => ({ from: index % 2 ? width : 0, phase: between(0, TURN), speed: between(1.1, 2.4), hue: index * 31 }));
  return (pen, time) => {
    pen.globalCompositeOperation = "lighter";
    const glow = Math.min(1, time * 2, (seconds - time) * 2);
    for (const { from, phase, speed, hue } of beams) {
      const way = -Math.PI / 2 + Math.sin(time * speed + phase) * 1.1 * (from ? -1 : 1);
      const [x, y] = [from + Math.cos(way) * height * 1.4, height + Math.sin(way) * height * 1.4];
      for (const [line, light] of [[14, 0.08], [6, 0.2], [2, 0.95]]) {
        pen.strokeStyle = `hsl(${hue + time * 60} 100% ${line > 2 ? 55 : 78}% / ${light * glow})`;
        pen.lineWidth = line;
        pen.beginPath();
        pen.moveTo(from, height);
        pen.lineTo(x, y);
        pen.stroke();
      }
    }
  };
}

export const SCENES = {
  confetti: { seconds: 4.5, set: confetti },
  balloons: { seconds: 5.5, set: balloons },
  fireworks: { seconds: 5, set: fireworks, leavesTrails: true },
  celebration: { seconds: 4.5, set: celebration },
  lasers: { seconds: 4, set: lasers },
};
