import * as core from "@sessiondb/core";
import { turn } from "./turn.js";

const errors = Object.entries(core).filter(([, value]) => value.prototype instanceof core.SessionDbError);
const wrongNames = errors.filter(([name, { prototype }]) => prototype.name !== name).map(([name]) => name);
// Else the names would prove nothing.
const isMinified = errors.length > 0 && errors.every(([name, { name: shortened }]) => name !== shortened);

turn().then((outcome) => console.log(JSON.stringify({ outcome, wrongNames, isMinified })));
