// A real OpenID provider (oidc-provider) for the tests: node provider.mjs PORT STATE_FILE PACKAGES
// STATE_FILE (JSON, read at each request): {"people": {"anna": {"groups": […], …}}, "origin": "…", "skew_seconds": 0}
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [port, stateFile, packages] = process.argv.slice(2);
const state = () => JSON.parse(readFileSync(stateFile, "utf8"));

const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...parts) {
    parts.length === 0 ? super(Date.now()) : super(...parts);
  }
  static now() {
    return RealDate.now() + state().skew_seconds * 1000;
  }
};

const { Provider } = await import(pathToFileURL(`${packages}/node_modules/oidc-provider/lib/index.js`));

const LONG = 30 * 24 * 3600;
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: "vigil",
      client_secret: readFileSync(`${stateFile}.secret`, "utf8"),
      redirect_uris: ["http://127.0.0.1/unused"],
      grant_types: ["authorization_code", "refresh_token"],
    },
  ],
  cookies: { keys: ["only-for-tests"] },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  claims: {
    openid: ["sub"],
    email: ["email", "email_verified"],
    profile: ["name", "preferred_username", "groups"],
  },
  issueRefreshToken: async () => state().refresh_tokens !== false,
  ttl: { AccessToken: 3600, IdToken: 3600, Interaction: LONG, Session: LONG, Grant: LONG, RefreshToken: LONG },
  findAccount: async (ctx, id) => {
    const person = state().people[id];
    return person && { accountId: id, claims: async () => ({ sub: id, ...person }) };
  },
  // Consent is not what these tests are about.
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope("openid email profile offline_access");
    await grant.save();
    return grant;
  },
});
// The tests choose the port of Vigil later than that of the provider.
provider.Client.prototype.redirectUriAllowed = (uri) => uri === `${state().origin}/accounts/oidc/main/login/callback/`;
provider.Client.prototype.postLogoutRedirectUriAllowed = (uri) => uri === `${state().origin}/dashboard/login/`;
provider.listen(Number(port), "127.0.0.1");
