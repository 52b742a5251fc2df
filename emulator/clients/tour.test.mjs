// What programs do with Microsoft's libraries, done against the emulator. Nothing of the libraries is replaced; they are
// told the emulator's address, as they are told the one of a national cloud.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ConfidentialClientApplication, CryptoProvider } from "@azure/msal-node";
import { ClientCertificateCredential, ClientSecretCredential } from "@azure/identity";
import { Client, GraphError, PageIterator } from "@microsoft/microsoft-graph-client";
import { TokenCredentialAuthenticationProvider } from "@microsoft/microsoft-graph-client/authProviders/azureTokenCredentials/index.js";

const { EMULATOR, CONTROL, CUSTOMER, STRANGER, APP, OLD_APP, SECRET, CALLBACK, KEY, PEM, SHA1, SHA256 } = process.env;
const graphScope = ["https://graph.microsoft.com/.default"];
const host = new URL(EMULATOR).host;

function msal(tenant, clientId, credential) {
  return new ConfidentialClientApplication({
    auth: { clientId, authority: `${EMULATOR}/${tenant}`, knownAuthorities: [host], ...credential },
  });
}

const privateKey = readFileSync(KEY, "utf8");
const bySHA256 = { clientCertificate: { thumbprintSha256: SHA256, privateKey } };

function claims(token) {
  return JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
}

async function control(method, path, body) {
  const answer = await fetch(CONTROL + path, { method, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`);
  return answer.status === 204 ? undefined : answer.json();
}

function graph(credential) {
  return Client.initWithMiddleware({
    authProvider: new TokenCredentialAuthenticationProvider(credential, { scopes: graphScope }),
    baseUrl: EMULATOR,
    customHosts: new Set([new URL(EMULATOR).hostname]),
  });
}

const identityOptions = { authorityHost: EMULATOR, disableInstanceDiscovery: true };
const bySecret = () => new ClientSecretCredential(CUSTOMER, OLD_APP, SECRET, identityOptions);

test("msal-node: a token by secret, kept for the second time", async () => {
  const client = msal(CUSTOMER, OLD_APP, { clientSecret: SECRET });
  const first = await client.acquireTokenByClientCredential({ scopes: graphScope });
  assert.equal(claims(first.accessToken).appidacr, "1");
  assert.equal(first.fromCache, false);
  const second = await client.acquireTokenByClientCredential({ scopes: graphScope });
  assert.equal(second.fromCache, true);
  assert.equal(second.accessToken, first.accessToken);
});

test("msal-node: a token by certificate, named by SHA-256 or by SHA-1", async () => {
  for (const clientCertificate of [bySHA256.clientCertificate, { thumbprint: SHA1, privateKey }]) {
    const result = await msal(CUSTOMER, APP, { clientCertificate }).acquireTokenByClientCredential({ scopes: graphScope });
    assert.deepEqual(claims(result.accessToken).roles, ["User.Read.All", "GroupMember.Read.All"]);
    assert.equal(claims(result.accessToken).appidacr, "2");
    assert.ok(result.expiresOn - Date.now() > 55 * 60_000);
  }
});

test("msal-node: refusals, by the number and the error that programs decide by", async () => {
  for (const [client, errorCode, number] of [
    [msal(CUSTOMER, OLD_APP, { clientSecret: "wrong" }), "invalid_client", 7000215],
    [msal(STRANGER, APP, bySHA256), "invalid_client", 7000229],
    [msal(STRANGER, OLD_APP, { clientSecret: SECRET }), "unauthorized_client", 700016],
    [msal(CUSTOMER, APP, { clientCertificate: { thumbprintSha256: "00".repeat(32), privateKey } }), "invalid_client", 700027],
  ]) {
    await assert.rejects(client.acquireTokenByClientCredential({ scopes: graphScope }), (e) => {
      assert.equal(e.errorCode, errorCode);
      assert.equal(String(e.errorNo), String(number));
      assert.match(e.errorMessage, new RegExp(`AADSTS${number}: .*\\s+Trace ID: \\S+\\s+Correlation ID: \\S+\\s+Timestamp: \\S+`));
      return true;
    });
  }
  const nobody = msal("99999999-0000-4000-8000-000000000009", APP, bySHA256);
  await assert.rejects(nobody.acquireTokenByClientCredential({ scopes: graphScope }), "a tenant that does not exist is met at discovery");
});

test("msal-node: a person signs in with code and PKCE, and stays signed in by a refresh token", async () => {
  const client = msal(CUSTOMER, APP, bySHA256);
  const { verifier, challenge } = await new CryptoProvider().generatePkceCodes();
  const request = { scopes: ["User.Read"], redirectUri: CALLBACK };
  const at = await client.getAuthCodeUrl({ ...request, state: "s", codeChallenge: challenge, codeChallengeMethod: "S256" });
  const page = await (await fetch(at)).text();
  const carried = page.match(/name="request" value="([^"]*)"/)[1].replaceAll("&amp;", "&").replaceAll("&#43;", "+");
  const answer = await fetch(at, { method: "POST", redirect: "manual", body: new URLSearchParams({ request: carried, login: "ada@contoso.example" }) });
  const sent = new URL(answer.headers.get("location")).searchParams;
  assert.equal(sent.get("state"), "s");
  const result = await client.acquireTokenByCode({ ...request, code: sent.get("code"), codeVerifier: verifier });
  assert.equal(result.account.username, "ada@contoso.example");
  assert.equal(result.tenantId, CUSTOMER);
  assert.equal(claims(result.accessToken).scp.includes("User.Read"), true);
  const again = await client.acquireTokenSilent({ ...request, account: result.account, forceRefresh: true });
  assert.equal(again.fromCache, false);
  assert.notEqual(again.accessToken, result.accessToken);
});

test("identity and Graph client: organization, users page by page, groups and their members", async () => {
  const client = graph(bySecret());
  const organization = await client.api("/organization").select("id,displayName").get();
  assert.deepEqual(organization.value.map(({ id, displayName }) => ({ id, displayName })), [{ id: CUSTOMER, displayName: "Contoso" }]);

  const directory = await control("GET", `/tenants/${CUSTOMER}/directory`);
  const ids = new Set();
  const first = await client.api("/users").select("id,userPrincipalName").top(100).get();
  await new PageIterator(client, first, (user) => ids.add(user.id) && true).iterate();
  assert.deepEqual([...ids].sort(), directory.users.map((u) => u.id).sort());

  const groups = await client.api("/groups").top(999).get();
  assert.equal(groups.value.length, directory.groups.length);
  const members = await client.api(`/groups/${directory.memberships[0].groupId}/members`).get();
  assert.ok(members.value.some((m) => m.id === directory.memberships[0].memberId));
});

test("identity and Graph client: a delta round, then what changed since", async () => {
  const client = graph(new ClientCertificateCredential(CUSTOMER, APP, { certificate: readFileSync(PEM, "utf8") }, identityOptions));
  const round = async (path) => {
    const all = [];
    for (let at = path; ; ) {
      const page = await client.api(at).get();
      all.push(...page.value);
      if (page["@odata.deltaLink"]) return [all, page["@odata.deltaLink"]];
      at = page["@odata.nextLink"];
    }
  };
  const [everybody, link] = await round("/users/delta?$select=displayName,jobTitle");
  const directory = await control("GET", `/tenants/${CUSTOMER}/directory`);
  assert.deepEqual(everybody.map((u) => u.id).sort(), directory.users.map((u) => u.id).sort());

  const [changed, gone] = directory.users;
  await control("POST", "/mutations", [
    { tenantId: CUSTOMER, op: "update-user", id: changed.id, set: { jobTitle: "Captain" } },
    { tenantId: CUSTOMER, op: "delete-user", id: gone.id },
  ]);
  const [news] = await round(link);
  assert.equal(news.find((u) => u.id === changed.id).jobTitle, "Captain");
  assert.deepEqual(news.find((u) => u.id === gone.id)["@removed"], { reason: "changed" });
  assert.equal(news.length, 2);
});

test("identity and Graph client: refusals and retries", async () => {
  const client = graph(bySecret());
  await assert.rejects(client.api("/users/99999999-0000-4000-8000-000000000009").get(), (e) => {
    assert.ok(e instanceof GraphError);
    assert.equal(e.statusCode, 404);
    assert.equal(e.code, "Request_ResourceNotFound");
    assert.ok(e.requestId);
    return true;
  });
  await control("POST", "/faults", { tenantId: CUSTOMER, pathPrefix: "/v1.0/organization", status: 503, retryAfter: "1" });
  const begin = Date.now();
  await client.api("/organization").get();
  assert.ok(Date.now() - begin >= 900, "the library waited as it was told, and tried again");
  const wrong = new ClientSecretCredential(CUSTOMER, OLD_APP, "wrong", identityOptions);
  await assert.rejects(graph(wrong).api("/organization").get(), /AADSTS7000215/);
});
