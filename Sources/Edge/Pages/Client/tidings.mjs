// tidings.js as a module: import { Tidings } from "https://comments.example/tidings.mjs";
import "./tidings.js";

export const Tidings = globalThis.Tidings;
export default Tidings;
