// The reference of the API: every operation of openapi.json, with a form to try it.

const METHODS = ["get", "post", "put", "patch", "delete"];

/** Make an element with attributes and children. Texts are texts, never HTML. */
const made = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};

const resolved = (api, schema) =>
  schema?.$ref
    ? schema.$ref
        .split("/")
        .slice(1)
        .reduce((at, part) => at?.[part], api)
    : (schema ?? {});

const typeOf = (api, schema) => {
  const found = resolved(api, schema);
  const variants = found.anyOf ?? found.oneOf;
  if (variants) return variants.map((one) => typeOf(api, one)).join(" or ");
  if (found.type === "array") return `list of ${typeOf(api, found.items)}`;
  return found.enum?.map(String).join(", ") ?? found.format ?? found.type ?? "any";
};

const exampleOf = (api, content) => {
  const schema = resolved(api, content?.schema);
  const example = content?.example ?? schema.examples?.[0] ?? schema.example;
  if (example !== undefined) return example;
  const required = schema.required ?? [];
  return Object.fromEntries(required.map((name) => [name, resolved(api, schema.properties?.[name]).default ?? ""]));
};

const field = (label, about, input) => made("label", {}, made("code", {}, label), ` ${about}`, input);

const parameterFields = (api, operation) =>
  (operation.parameters ?? []).map((raw) => {
    const one = resolved(api, raw);
    const input = made("input", { "data-in": one.in, name: one.name, ...(one.required ? { required: "" } : {}) });
    const about = [typeOf(api, one.schema), one.required ? "required" : "", one.description ?? ""];
    return field(one.name, about.filter(Boolean).join(" · "), input);
  });

const isFile = (api, schema) => {
  const found = resolved(api, schema);
  return (
    found.format === "binary" ||
    found.contentMediaType !== undefined ||
    (found.items ? isFile(api, found.items) : false)
  );
};

const bodyFields = (api, operation) => {
  const content = operation.requestBody?.content ?? {};
  const form = content["multipart/form-data"] ?? content["application/x-www-form-urlencoded"];
  if (content["application/json"]) {
    const area = made("textarea", { name: "body", rows: "8", "data-in": "json" });
    area.value = JSON.stringify(exampleOf(api, content["application/json"]), null, 2);
    return [field("body", "JSON", area)];
  }
  return Object.entries(resolved(api, form?.schema).properties ?? {}).map(([name, schema]) => {
    const attributes = isFile(api, schema) ? { type: "file", multiple: "" } : {};
    const about = [typeOf(api, schema), resolved(api, schema).description ?? ""].filter(Boolean).join(" · ");
    return field(name, about, made("input", { ...attributes, name, "data-in": "form" }));
  });
};

/** The request that a form describes. */
const requestOf = (form, method, path) => {
  const headers = {};
  const key = document.querySelector("#key").value.trim();
  if (key) headers.Authorization = `Bearer ${key}`;
  const query = new URLSearchParams();
  let place = path;
  let body;
  for (const input of form.querySelectorAll("[data-in]")) {
    const kind = input.dataset.in;
    if (kind === "json") {
      headers["Content-Type"] = "application/json";
      body = input.value;
    } else if (kind === "form") {
      body ??= new FormData();
      if (input.type === "file") for (const file of input.files) body.append(input.name, file);
      else if (input.value) body.append(input.name, input.value);
    } else if (kind === "path") place = place.replace(`{${input.name}}`, encodeURIComponent(input.value));
    else if (input.value && kind === "query") query.append(input.name, input.value);
    else if (input.value && kind === "header") headers[input.name] = input.value;
  }
  const address = new URL(place.replace(/^\//, ""), document.baseURI);
  address.search = query.toString();
  return new Request(address, { method: method.toUpperCase(), headers, body });
};

const shown = async (response) => {
  const type = response.headers.get("content-type") ?? "";
  const lines = [`${response.status} ${response.statusText}`];
  if (type.includes("json")) lines.push(JSON.stringify(await response.json(), null, 2));
  else if (type.startsWith("text/")) lines.push(await response.text());
  else lines.push(`${type}, ${(await response.blob()).size} bytes`);
  return lines.join("\n");
};

const formOf = (api, method, path, operation) => {
  const answer = made("pre", { "aria-live": "polite", hidden: "" });
  const form = made(
    "form",
    {},
    ...parameterFields(api, operation),
    ...bodyFields(api, operation),
    made("button", {}, "Send"),
    answer,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    answer.hidden = false;
    answer.textContent = "…";
    try {
      answer.textContent = await shown(await fetch(requestOf(form, method, path)));
    } catch (error) {
      answer.textContent = `The request failed: ${error.message}`;
    }
  });
  return form;
};

const answersOf = (operation) =>
  made(
    "ul",
    {},
    ...Object.entries(operation.responses ?? {}).map(([code, one]) =>
      made("li", {}, made("code", {}, code), ` ${one.description ?? ""}`),
    ),
  );

const sectionOf = (api, method, path, operation) => {
  const head = made(
    "summary",
    {},
    made("span", { class: "method" }, method.toUpperCase()),
    made("code", {}, path),
    ` ${operation.summary ?? ""}`,
  );
  const section = made("details", { id: operation.operationId ?? `${method}${path}` }, head);
  // Filled when it is opened: there are many operations.
  section.addEventListener(
    "toggle",
    () => {
      const about = made("p", {}, operation.description ?? "");
      section.append(
        about,
        made("h3", {}, "Answers"),
        answersOf(operation),
        made("h3", {}, "Try it"),
        formOf(api, method, path, operation),
      );
    },
    { once: true },
  );
  return section;
};

const show = (api) => {
  document.querySelector("#about").textContent = `Version ${api.info.version}\n${api.info.description ?? ""}`.trim();
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths))
    for (const method of METHODS.filter((one) => methods[one])) {
      const tag = methods[method].tags?.[0] ?? "other";
      if (!groups.has(tag)) groups.set(tag, [made("h2", {}, tag)]);
      groups.get(tag).push(sectionOf(api, method, path, methods[method]));
    }
  document.querySelector("#operations").append(...[...groups.values()].flat());
  document.querySelector("#state").textContent = "";
};

try {
  const response = await fetch(new URL("openapi.json", document.baseURI));
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  show(await response.json());
} catch (error) {
  document.querySelector("#state").textContent = `The description of the API cannot be loaded: ${error.message}`;
}
