import { checkObject } from "./arguments.ts";
import { DatabaseError } from "./errors.ts";

/** Yields the pages of a list, each read on demand. */
export async function* pagesOf<Options extends object, Page extends { readonly nextCursor: string | null }>(
  options: Options,
  read: (options: Options) => Promise<Page>,
): AsyncGenerator<Page, void, undefined> {
  checkObject(options, "options");
  // Only the first page is read with `page`: the others follow cursors, which exclude it.
  const { page: _, ...rest } = options as Options & { page?: number };
  let page = await read(options);
  yield page;
  while (page.nextCursor !== null) {
    const cursor: string = page.nextCursor;
    page = await read({ ...rest, cursor } as unknown as Options);
    if (page.nextCursor === cursor) {
      throw new DatabaseError(
        "The store returned a page whose nextCursor leads back to the same page, so the walk would never end.",
      );
    }
    yield page;
  }
}
