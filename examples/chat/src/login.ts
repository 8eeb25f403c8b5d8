import { scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { Hono, type Context, type MiddlewareHandler } from "hono";
import { deleteCookie, getSignedCookie, setSignedCookie } from "hono/cookie";
import { z } from "zod";

/** What the routes behind the login find in their context. */
export interface SignedIn {
  Variables: { readonly user: string };
}

// In place of your own users: salt and hash of each password, made by scrypt.
const users: ReadonlyMap<string, string> = new Map([
  ["ada", "64373d9ec53d58a9f4f7e16ea2ce3893:ba33123ebc6a86f216c8c70a6d2818f92d4c541d20284de10333dd999ab951c9"],
  ["bob", "b64455c839cb175b693a1a032d7ff61f:ab5d08c60bf279ebc75982b2db33ef2e9dab421ff89f9e75d495b635654dd47e"],
]);
// Takes as long as a user who exists, so that nobody learns who does. No password has this hash.
const nobody = `${"0".repeat(32)}:${"0".repeat(64)}`;

const cookie = "chat_user";
const daysSignedIn = 7;
const formSchema = z.object({ name: z.string().max(100), password: z.string().max(100) });

/** `POST /login` with name and password, `POST /logout`, and `GET /me`, the name of who is signed in. */
export function loginRoutes(secret: string): Hono {
  const routes = new Hono();
  routes.post("/login", async (context) => {
    const form = formSchema.safeParse(await context.req.json().catch(() => null));
    if (!form.success) {
      return context.body(null, 400);
    }
    const { name, password } = form.data;
    if (!(await isPasswordOf(name, password))) {
      return context.body(null, 401);
    }
    const maxAge = daysSignedIn * 24 * 60 * 60;
    const expires = Math.floor(Date.now() / 1000) + maxAge;
    await setSignedCookie(context, cookie, `${expires}.${name}`, secret, { ...attributesFor(context), maxAge });
    return context.json({ name });
  });
  routes.post("/logout", (context) => {
    deleteCookie(context, cookie, attributesFor(context));
    return context.body(null, 204);
  });
  routes.get("/me", async (context) => {
    const name = await userOf(context, secret);
    return name === null ? context.body(null, 401) : context.json({ name });
  });
  return routes;
}

/** Lets nobody past who is not signed in, and puts the user's name into the context. */
export function signedIn(secret: string): MiddlewareHandler<SignedIn> {
  return async (context, next) => {
    const user = await userOf(context, secret);
    if (user === null) {
      return context.body(null, 401);
    }
    context.set("user", user);
    return next();
  };
}

/** Scripts cannot read the cookie, and other sites cannot send it with their requests. */
function attributesFor(context: Context) {
  const secure = new URL(context.req.url).protocol === "https:";
  return { path: "/", httpOnly: true, sameSite: "Lax", secure } as const;
}

async function userOf(context: Context, secret: string): Promise<string | null> {
  const value = (await getSignedCookie(context, secret, cookie)) || "";
  const [, expires, name = ""] = /^(\d+)\.(.+)$/.exec(value) ?? [];
  return users.has(name) && Number(expires) * 1000 > Date.now() ? name : null;
}

async function isPasswordOf(name: string, password: string): Promise<boolean> {
  const [salt = "", hash = ""] = (users.get(name) ?? nobody).split(":");
  const made = (await promisify(scrypt)(password, salt, 32)) as Buffer;
  return timingSafeEqual(made, Buffer.from(hash, "hex"));
}
