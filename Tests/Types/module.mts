// How a module of a page uses tidings.mjs: under both names it is the class that the global is.
import Default, { Tidings as Client } from "../../Sources/Edge/Pages/Client/tidings.mjs";

const client: Client = new Default("https://comments.example", { transport: "poll" });
const same: Default = client;
client.subscribe("thread:42", { onEvent: ({ id, thread }) => console.log(id.length, thread.length) }).close();
const state: Client.State = same.state;
console.log(state);

// @ts-expect-error: one parameter is needed.
client.subscribe();
// @ts-expect-error: there is no such export.
import { Subscription } from "../../Sources/Edge/Pages/Client/tidings.mjs";
