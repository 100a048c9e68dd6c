// SHA-256 of a file, away from the page so that it stays responsive. A message: {id, file}; the answer: {id, checksum}, or
// {id, error}.
addEventListener("message", async ({ data: { id, file } }) => {
  try {
    const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
    const checksum = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    postMessage({ id, checksum });
  } catch (error) {
    postMessage({ id, error: error.name });
  }
});
