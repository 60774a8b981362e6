// Types of tidings.mjs.

/// <reference path="./tidings.d.ts" />

import Client = Tidings;

export { Client as Tidings, Client as default };
