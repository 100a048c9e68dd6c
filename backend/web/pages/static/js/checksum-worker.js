// Computes SHA-256 of files in a worker, so that the page stays responsive. Message: {id, file}; reply: {id, checksum} or
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
