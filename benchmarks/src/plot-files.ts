import * as Plot from "@observablehq/plot";
import { JSDOM } from "jsdom";
import { databaseNames, titles } from "./database-names.ts";
import type { Figures } from "./figures.ts";
import type { CostsAtLength, LengthResults } from "./lengths.ts";

const sides = {
  store: "sessiondb",
  bare: "driver by hand",
  oneColumn: "one JSON column",
} as const;

/** One colour for each side, on a ground of the plot's own: a page may be light while the reader's system is dark. */
const style = `
  svg { --ground: #ffffff; --ink: #1f2328; --faint: #d1d9e0; --store: #0969da; --bare: #6e7781; --oneColumn: #bc4c00; }
  @media (prefers-color-scheme: dark) {
    svg { --ground: #0d1117; --ink: #e6edf3; --faint: #30363d; --store: #58a6ff; --bare: #9198a1; --oneColumn: #f0883e; }
  }
  svg { color: var(--ink); background: var(--ground); }
`;

/** The plots of the figures, by file name. The same figures make the same plots, to the byte. */
export function plotsOf(figures: Figures): Map<string, string> {
  const plots = new Map<string, string>();
  for (const name of databaseNames) {
    const lengths = figures[`lengths of ${name}`];
    if (lengths !== undefined) {
      plots.set(`lengths-${name}.svg`, plotOf(titles[name], lengths));
    }
  }
  return plots;
}

interface Point {
  readonly panel: string;
  readonly side: keyof typeof sides;
  readonly runs: number;
  readonly milliseconds: number;
}

const height = 330;
const margins = { marginTop: 56, marginRight: 112, marginBottom: 44, marginLeft: 52 };
const plotHeight = height - margins.marginTop - margins.marginBottom;
/** Between the middles of two labels, in pixels. */
const lineHeight = 15;

function plotOf(title: string, { turn, read }: LengthResults): string {
  const { document } = new JSDOM("").window;
  const panels = [`${title}: a turn`, `${title}: a read of the last ten runs`] as const;
  const points = [...pointsOf(panels[0], turn), ...pointsOf(panels[1], read)];
  const domain = domainOf(points);
  const ticks = [0.01, 0.1, 1, 10, 100, 1000, 10_000].filter((tick) => tick >= domain[0] && tick <= domain[1]);
  const at = { x: "runs", y: "milliseconds", fx: "panel" } as const;
  const colour = ({ side }: Point): string => `var(--${side})`;
  const heading = { fx: (panel: string) => panel, frameAnchor: "top-left", textAnchor: "start" } as const;
  const plot: { readonly outerHTML: string } = Plot.plot({
    document,
    width: 860,
    height,
    ...margins,
    style: { fontSize: "12px" },
    fx: { domain: panels, padding: 0.32, axis: null },
    x: { type: "log", domain: [9, 11_000] },
    y: { type: "log", domain },
    color: { type: "identity" },
    marks: [
      Plot.gridY({ ticks, stroke: "var(--faint)", strokeOpacity: 1 }),
      Plot.axisY({ ticks, tickFormat: plainNumber, tickSize: 0, label: null }),
      Plot.axisX({
        ticks: [10, 100, 1000, 10_000],
        tickFormat: plainNumber,
        label: "runs in the session (log scale)",
        labelAnchor: "center",
        labelArrow: "none",
      }),
      Plot.text(panels, { ...heading, text: (panel: string) => panel, dy: -40, fontWeight: "bold" }),
      Plot.text(panels, { ...heading, text: () => "milliseconds (log scale)", dy: -20 }),
      Plot.line(points, { ...at, z: "side", stroke: colour, strokeWidth: 1.75 }),
      Plot.dot(points, { ...at, r: 2.5, fill: colour }),
      ...panels.flatMap((panel) =>
        labelsOf(
          points.filter((point) => point.panel === panel),
          domain,
        ).map(({ point, dy }) =>
          Plot.text([point], { ...at, text: [sides[point.side]], fill: colour, textAnchor: "start", dx: 7, dy }),
        ),
      ),
    ],
  });
  return svgOf(plot.outerHTML);
}

function plainNumber(value: number): string {
  return value.toLocaleString("en");
}

function pointsOf(panel: string, costs: readonly CostsAtLength[]): Point[] {
  return (Object.keys(sides) as (keyof typeof sides)[]).flatMap((side) =>
    costs.map((cost) => ({ panel, side, runs: cost.runs, milliseconds: cost[side] })),
  );
}

function domainOf(points: readonly Point[]): [number, number] {
  const values = points.map(({ milliseconds }) => milliseconds);
  return [Math.min(...values) / 1.5, Math.max(...values) * 1.5];
}

/** The labels at the ends of a panel's lines, from the top. One that would touch the one above it moves down. */
function labelsOf(
  points: readonly Point[],
  [least, most]: readonly [number, number],
): { readonly point: Point; readonly dy: number }[] {
  const longest = Math.max(...points.map(({ runs }) => runs));
  const ends = points.filter(({ runs }) => runs === longest).toSorted((a, b) => b.milliseconds - a.milliseconds);
  let above = Number.NEGATIVE_INFINITY;
  return ends.map((point) => {
    const own = (Math.log(most / point.milliseconds) / Math.log(most / least)) * plotHeight;
    above = Math.max(own, above + lineHeight);
    return { point, dy: above - own };
  });
}

/** A file by itself, which carries its colours. */
function svgOf(plot: string): string {
  return `${plot.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"').replace("<style>", `<style>${style}`)}\n`;
}
