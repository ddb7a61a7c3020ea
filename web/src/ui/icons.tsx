// Line icons on a 24-pixel square; they say nothing by themselves, the button around them has the words.
const PATHS = {
  search: "M11 4a7 7 0 1 0 0 14a7 7 0 0 0 0-14M16.2 16.2L21 21",
  box: "M5 5h14v14H5zM3 5h4M5 3v4M17 19h4M19 17v4",
  polygon: "M12 3.5l8 6.2l-3 9.8H7l-3-9.8z",
  layers: "M12 4l9 5l-9 5l-9-5zM4.5 13.5L12 18l7.5-4.5",
  swipe: "M12 3v18M3 6h9v12H3zM16 9l3 3l-3 3",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  fit: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  close: "M6 6l12 12M18 6L6 18",
  good: "M5 12.5l4.5 4.5L19 7.5",
  bad: "M12 4.5a7.5 7.5 0 1 0 0 15a7.5 7.5 0 0 0 0-15M6.8 6.8l10.4 10.4",
  image: "M4 5h16v14H4zM4 16l5-5l4 4l2.5-2.5L20 17M15.5 8.5h.01",
  upload: "M12 16V5M7.5 9.5L12 5l4.5 4.5M5 19h14",
  download: "M12 5v11M7.5 11.5L12 16l4.5-4.5M5 19h14",
  star: "M12 4l2.4 5.2l5.6.6l-4.2 3.8l1.2 5.6L12 16.3l-5 2.9l1.2-5.6L4 9.8l5.6-.6z",
  help: "M12 3.5a8.5 8.5 0 1 0 0 17a8.5 8.5 0 0 0 0-17M9.6 9.5a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.2 1-1.2 1.8M12 16.6h.01",
  moon: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z",
  sun: "M12 8a4 4 0 1 0 0 8a4 4 0 0 0 0-8M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
  auto: "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16",
  filter: "M4 6h16M7 12h10M10 18h4",
  bolt: "M13 3L5 13.5h6L10 21l8-10.5h-6z",
  up: "M6 15l6-6l6 6",
  down: "M6 9l6 6l6-6",
  bin: "M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7",
  eye: "M2.5 12s3.5-6 9.5-6s9.5 6 9.5 6s-3.5 6-9.5 6s-9.5-6-9.5-6M12 9.5a2.5 2.5 0 1 0 0 5a2.5 2.5 0 0 0 0-5",
  hidden: "M4 4l16 16M9 6.4A10 10 0 0 1 12 6c6 0 9.5 6 9.5 6a17 17 0 0 1-3 3.5M6 8a17 17 0 0 0-3.500 4s3.500 6 9.500 6a10 10 0 0 0 4-.8",
  target: "M12 7a5 5 0 1 0 0 10a5 5 0 0 0 0-10M12 2.500v4M12 17.500v4M2.500 12h4M17.500 12h4",
  link: "M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.700-5.700l-1 1M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.700 5.700l1-1",
  ask: "M4 5h16v11H11l-4 4v-4H4zM8.500 9h7M8.500 12h4.500",
  stop: "M7 7h10v10H7z",
  play: "M8 5.500v13l10.500-6.500z",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}
